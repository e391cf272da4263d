import re
from pathlib import Path

import pytest

from services.ingest.events.candidate import FIELDS
from services.ingest.events.verdicts import BodyCode, RefusalCode
from tests.conftest import ROOT

PAGE = Path(ROOT, "docs", "ingest.md").read_text("utf-8")


@pytest.mark.parametrize("word", sorted({*RefusalCode, *BodyCode, *FIELDS}))
def test_every_code_and_field_is_documented(word: str) -> None:
    assert f"`{word}`" in PAGE


def test_the_page_names_no_code_that_does_not_exist() -> None:
    events = PAGE.split("## Codes of events")[1].split("## Codes of requests")[0]
    rows = [line.split("|")[1] for line in events.splitlines() if line.startswith("| `")]

    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == set(RefusalCode)
