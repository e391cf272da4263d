"""Settings as they are written: every mistake is named, and every setting is documented."""

import re
from typing import Any

import pytest

from shared.sources.settings_reader import (
    FIELDS,
    Mistake,
    SettingsInvalid,
    changed_settings,
    near,
    new_settings,
    read_settings,
)
from shared.sources.source import SourceKind, SourceSettings
from tests.conftest import ROOT


def mistakes(**written: Any) -> list[tuple[str, str]]:
    with pytest.raises(SettingsInvalid) as refused:
        read_settings(written)
    return [(each.pointer, each.detail) for each in refused.value.mistakes]


def test_null_means_the_default() -> None:
    settings = read_settings({"ip": None, "consent": None, "burst": None, "allowed_origins": None})

    assert settings == read_settings({})
    assert (settings.ip, settings.allowed_origins) == ("truncate", ())


def test_every_mistake_is_named_with_its_place() -> None:
    named = mistakes(
        ip="hide", burst=0, consent={"required": ["a"], "when_missing": "ask"}, unknown=1
    )

    assert [pointer for pointer, _ in named] == ["/ip", "/burst", "/consent/when_missing", ""]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**70, "a\x00b", "\ud800", ["\x00"], {"\ud800": 1}]
)
@pytest.mark.parametrize("name", FIELDS)
def test_what_cannot_be_stored_is_refused_for_every_setting(name: str, value: Any) -> None:
    ((pointer, _),) = mistakes(**{name: value})

    assert pointer.startswith(f"/{name}")


@pytest.mark.parametrize("name", FIELDS)
def test_the_message_for_a_value_of_the_wrong_kind_is_a_sentence(name: str) -> None:
    ((pointer, detail),) = mistakes(**{name: object_of_another_kind(name)})

    assert pointer.startswith(f"/{name}")
    assert not re.search(r"Expected `|\^|regex", detail)


def object_of_another_kind(name: str) -> Any:
    return "text" if name in ("mapping", "consent") else {"a": 1}


def said(name: str, value: Any) -> str:
    try:
        read_settings({name: value})
    except SettingsInvalid as refused:
        return str(refused.mistakes)
    return "nothing"


def test_nothing_of_what_was_written_is_repeated() -> None:
    hostile = "sl_sk_secret"
    for name in (*FIELDS, hostile):
        for value in (hostile, [hostile], {hostile: hostile}, [[hostile]]):
            assert hostile not in said(name, value)


def test_deep_nesting_is_a_mistake() -> None:
    deep: Any = {"rules": []}
    for _ in range(200):
        deep = {"a": deep}

    assert mistakes(mapping=deep)


def test_a_similar_name_is_suggested_and_else_all_are_listed() -> None:
    assert near("hash-field") == "did you mean `hash_fields`?"
    assert near("zzz", ("a", "b")) == "there are: a, b"


def test_a_pointer_leads_from_the_settings() -> None:
    assert Mistake(path=("consent", "required"), detail="").pointer == "/consent/required"


def test_the_page_has_a_row_for_each_setting() -> None:
    page = (ROOT / "docs" / "sources.md").read_text("utf-8")
    section = page.split("## Settings")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)

    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(FIELDS)


def test_a_new_website_takes_no_money_no_traits_of_accounts_and_a_week() -> None:
    web = new_settings(SourceKind.WEB, {"ip": "drop", "max_age_days": None})
    server = new_settings(SourceKind.SERVER, {})
    chosen = new_settings(SourceKind.WEB, {"value": "keep", "max_age_days": 30})

    assert (web.max_age_days, web.value, web.account_traits, web.ip) == (7, "drop", "drop", "drop")
    assert (server.max_age_days, server.value, server.account_traits) == (None, "keep", "keep")
    assert (chosen.max_age_days, chosen.value, chosen.account_traits) == (30, "keep", "drop")


def test_a_website_from_before_keeps_what_it_took_until_a_setting_is_restored() -> None:
    before = SourceSettings()

    other = changed_settings(SourceKind.WEB, before, {"ip": "drop"})
    restored = changed_settings(SourceKind.WEB, before, {"max_age_days": None, "value": None})

    assert (other.max_age_days, other.value, other.account_traits) == (None, "keep", "keep")
    assert (restored.max_age_days, restored.value) == (7, "drop")
    assert restored.account_traits == "keep"
