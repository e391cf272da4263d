import pytest

from services.cli.docs.generate import DOCS, DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_generated_document_is_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == DOCUMENTS[name](), "run `make docs`"
