"""docs/problems.md explains every problem that the product answers, and no other."""

import re

from services.api.errors import STATUS
from shared.http import refusals
from shared.http.problem import UNROUTED
from tests.conftest import ROOT
from tests.contract.test_openapi import answers, examples, operations

PAGE = (ROOT / "docs" / "problems.md").read_text("utf-8")

SEGMENT_ALONE = {"invalid_batch": 400, "events_rejected": 400}


def explained() -> list[tuple[str, str]]:
    """(anchor, status) of each section, in the order of the page."""
    parts = re.split(r"^## (\d+)$", PAGE, flags=re.MULTILINE)[1:]
    return [
        (anchor, status)
        for status, text in zip(parts[::2], parts[1::2], strict=True)
        for anchor in re.findall(r"^### (.+)$", text, re.MULTILINE)
    ]


def test_every_problem_has_one_section_under_its_status() -> None:
    answered = {
        (example["code"], str(status))
        for _, _, described in operations()
        for status, answer in answers(described)
        for content in answer.get("content", {}).values()
        for example in examples(content)
        if status >= 400 and "type" in example
    }
    elsewhere = (UNROUTED, refusals.CODES, STATUS, SEGMENT_ALONE)
    wanted = answered | {(code, str(status)) for each in elsewhere for code, status in each.items()}

    assert sorted(explained()) == sorted(
        (code.replace("_", "-"), status) for code, status in wanted
    )


def test_every_code_of_segments_errors_is_explained_too() -> None:
    codes = {
        example["code"].replace("_", "-")
        for _, _, described in operations()
        if described["tags"] == ["segment"]
        for status, answer in answers(described)
        for example in examples(answer["content"].get("application/json", {}))
        if status >= 400
    }

    assert codes
    assert codes <= {anchor for anchor, _ in explained()}


def test_every_section_says_something() -> None:
    sections = re.split(r"^### .+$", PAGE, flags=re.MULTILINE)[1:]

    assert all(re.sub(r"^## .*$", "", text, flags=re.MULTILINE).strip() for text in sections)
