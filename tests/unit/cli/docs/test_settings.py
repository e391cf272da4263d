import pytest

from services.cli.docs import settings
from services.cli.docs.generate import DOCS
from services.cli.docs.settings import SECTIONS
from shared.settings import CommonSettings, variable

PAGE = DOCS / "configuration.md"


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text("utf-8") == settings.document(), "run `make docs`"


@pytest.mark.parametrize("kind", [kind for _, kind in SECTIONS], ids=lambda kind: kind.__name__)
def test_every_setting_has_a_row_with_its_default_and_a_meaning(kind: type[CommonSettings]) -> None:
    rows = [line.split(" | ") for line in PAGE.read_text("utf-8").splitlines() if " | " in line]
    named = {row[0].strip("|` "): row for row in rows}

    for name, info in kind.model_fields.items():
        row = named[variable(name, info)]
        assert info.description
        assert row[1].strip()
