"""Pieces of text that several messages share."""

import pytest

from shared.wording import counted, likely_meant, nearest


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 events"), (1, "1 event"), (2, "2 events"), (1000, "1000 events")]
)
def test_a_number_has_its_noun(number: int, text: str) -> None:
    assert counted(number, "event") == text


@pytest.mark.parametrize(
    ("word", "hint"),
    [("evnet", "event"), ("user", "user_id"), ("zzz", None), ("event" + "x" * 10_000, None)],
)
def test_a_hint_is_close_or_there_is_none(word: str, hint: str | None) -> None:
    assert nearest(word, ["event", "user_id", "account_id"]) == hint


def test_a_lower_cutoff_finds_less_similar_words() -> None:
    assert nearest("evil", ["event"]) is None
    assert nearest("evil", ["event"], cutoff=0.4) == "event"


NAMES = ["Demo Requested", "Signed Up", "Contract Signed", "Step 1 Done", "Trial Started", "Won"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Demo Requestd", "Demo Requested"),
        ("Demo Reqested", "Demo Requested"),
        ("demo_requested", "Demo Requested"),
        ("Singed Up", "Signed Up"),
        ("signed-up", "Signed Up"),
        ("Contarct Singed", "Contract Signed"),
    ],
)
def test_a_misspelt_name_is_recognized(word: str, meant: str) -> None:
    assert likely_meant(word, NAMES) == meant


@pytest.mark.parametrize(
    "word",
    [
        "Signed In",
        "Step 2 Done",
        "Trial Stopped",
        "Demo Attended",
        "Wan",
        "",
        "Signed Up",
        "x" * 10_000,
    ],
)
def test_another_name_is_no_misspelling(word: str) -> None:
    assert likely_meant(word, NAMES) is None
