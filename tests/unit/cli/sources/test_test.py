"""`stageline source test`: what a sample becomes, without sending it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.client.errors import REFUSED
from services.cli.main import app

MAPPING = """
rules:
  - when: kind == 'opened'
    event: Ticket Opened
    email: from
    account_id: company
    occurred_at: at
  - when: kind == 'noise'
    skip: true
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    return tmp_path


def run(folder: Path, sample: object, *words: str) -> Any:
    body = sample if isinstance(sample, bytes) else json.dumps(sample).encode()
    (folder / "sample").write_bytes(body)
    return CliRunner().invoke(app, ["source", "test", "sample", *words])


def test_a_sample_is_shown_as_the_touchpoint_that_it_becomes(folder: Path) -> None:
    sample = {"kind": "opened", "from": "ann@acme.example", "at": "2026-02-01T09:00:00Z"}

    ran = run(folder, sample, "--mapping", "mapping.yaml", "--json")

    assert ran.exit_code == 0
    (item,) = json.loads(ran.stdout)["items"]
    (touchpoint,) = item["touchpoints"]
    assert (touchpoint["event"], touchpoint["email"], touchpoint["occurred_at"]) == (
        "Ticket Opened",
        "ann@acme.example",
        "2026-02-01T09:00:00Z",
    )


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        ({"kind": "noise"}, "item 0: known and not wanted"),
        ({"kind": "other"}, "item 0: kept as a dead letter: no rule of the mapping holds"),
        ({"kind": "opened"}, "dead letter: it names nobody"),
        ({"kind": "opened", "from": "ann@acme.example", "at": "soon"}, "`occurred_at` is neither"),
        (
            {"kind": "opened", "from": "ann@acme.example", "at": -5},
            "item 0: kept as a dead letter: `occurred_at` is neither",
        ),
        (
            {"kind": "opened", "from": "ann@acme.example", "company": "anonymous:1"},
            "item 0: kept as a dead letter: reserved_account_id: ",
        ),
        (["text"], "item 0: refused, not_an_object"),
        (
            [{"kind": "opened", "from": "ann@acme.example"}, {"kind": "noise"}],
            "item 1: known and not wanted",
        ),
    ],
)
def test_it_says_what_becomes_of_each_item_and_why(folder: Path, sample: object, says: str) -> None:
    ran = run(folder, sample, "--mapping", "mapping.yaml")

    assert says in ran.stdout
    assert ran.exit_code == (0 if "not wanted" in says else REFUSED)


def test_a_provider_is_tried_by_its_kind(folder: Path) -> None:
    sample = [{"subscriptionType": "deal.creation", "eventId": 1, "objectId": 9}]

    ran = run(folder, sample, "--kind", "hubspot")

    assert ran.exit_code == 0
    assert "item 0: Deal Created (track)" in ran.stdout
    assert "  external_id: hubspot:deal:9" in ran.stdout


def test_a_sample_cannot_steer_the_terminal(folder: Path) -> None:
    sample = [{"subscriptionType": "deal.creation", "eventId": 1, "objectId": "\x1b[2J"}]

    ran = run(folder, sample, "--kind", "hubspot")

    assert "\x1b" not in ran.stdout


@pytest.mark.parametrize(
    ("words", "mapping", "says"),
    [
        ((), MAPPING, "say how to read it"),
        (("--mapping", "nowhere.yaml"), MAPPING, "nowhere.yaml: No such file"),
        (("--mapping", "mapping.yaml"), "rules: [", "neither YAML nor JSON"),
        (("--mapping", "mapping.yaml"), "- a", "an object with `rules`"),
        (("--mapping", "mapping.yaml"), "rules: [{event: A, email: 'a['}]", "rules[0].email"),
    ],
)
def test_a_mistake_ends_in_a_sentence(
    folder: Path, words: tuple[str, ...], mapping: str, says: str
) -> None:
    (folder / "mapping.yaml").write_text(mapping)

    ran = run(folder, {}, *words)

    assert ran.exit_code != 0
    assert says in ran.stderr


def test_a_body_that_ingest_would_refuse_is_reported(folder: Path) -> None:
    ran = run(folder, b'{"a": 1', "--kind", "generic")

    assert ran.exit_code == REFUSED
    assert "not valid JSON" in ran.stderr
