"""Settings of a source as a person writes them."""

from pathlib import Path
from typing import Any

import pytest
import typer

from services.cli.sources.settings import changed_settings
from shared.sources.settings_reader import _EXPECTED, FIELDS


def changed(*pairs: str, present: dict[str, Any] | None = None) -> dict[str, Any]:
    return changed_settings(pairs, None, present=present or {})


@pytest.mark.parametrize(
    ("pair", "setting"),
    [
        ("ip=drop", {"ip": "drop"}),
        ("ip=", {"ip": None}),
        (
            "allowed_origins=https://a.example, https://b.example",
            {"allowed_origins": ["https://a.example", "https://b.example"]},
        ),
        ("allow_properties=properties.plan", {"allow_properties": ["properties.plan"]}),
        ("events_per_second=2.5", {"events_per_second": 2.5}),
        ("burst=10", {"burst": 10}),
        ("consent.required=ads,maps", {"consent": {"required": ["ads", "maps"]}}),
        ("consent=", {"consent": None}),
        ("hubspot_signatures=v1,v3", {"hubspot_signatures": ["v1", "v3"]}),
    ],
)
def test_a_setting_is_read_by_its_kind(pair: str, setting: dict[str, Any]) -> None:
    assert changed(pair) == setting


def test_a_part_of_the_consent_rule_keeps_the_other_part() -> None:
    present = {"consent": {"required": ["ads"], "when_missing": "drop"}}

    assert changed("consent.when_missing=accept", present=present) == {
        "consent": {"required": ["ads"], "when_missing": "accept"}
    }


def test_a_file_and_pairs_go_together(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("ip: keep\nhash_fields: [email]\n")

    assert changed_settings(["ip=drop"], file, present={}) == {
        "ip": "drop",
        "hash_fields": ["email"],
    }


def test_a_mapping_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    file.write_text('{"rules": [{"event": "Ticket Opened", "account_id": "org"}]}')

    assert changed(f"mapping=@{file}") == {
        "mapping": {"rules": [{"event": "Ticket Opened", "account_id": "org"}]}
    }


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("ip", "name=value"),
        ("alowed_origins=a", "did you mean `allowed_origins`?"),
        ("consent.requird=a", "did you mean `required`?"),
        ("consent=analytics", "consent.required=analytics"),
        ("ip.v4=drop", "ip has no parts"),
        ("ip=hide", "ip: keep, truncate or drop"),
        ("burst=many", "burst: a number above 0, a whole one"),
        ("events_per_second=nan", "events_per_second: something in it cannot be stored"),
        ("allowed_origins=a.example", "allowed_origins: a list of origins"),
    ],
)
def test_a_mistake_is_reported_with_what_is_expected(
    pair: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as left:
        changed(pair)

    assert left.value.exit_code != 0
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["- a", "{", "ip: !!python/object:x {}", "1: 2", "\x00"])
def test_a_file_without_settings_is_reported(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)

    with pytest.raises(typer.Exit):
        changed_settings([], file, present={})
    assert "settings.yaml" in capsys.readouterr().err


def test_every_setting_says_what_it_wants() -> None:
    assert _EXPECTED.keys() == set(FIELDS)


def test_a_mapping_that_is_neither_ready_nor_a_file_is_answered_with_the_ready_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit):
        changed("mapping=zendsk")

    assert "ready mappings: intercom, zendesk; one of your own: mapping=@FILE" in (
        capsys.readouterr().err
    )
