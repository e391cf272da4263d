"""What reading commands show of the api's answers: those that the published document shows."""

import io

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from services.api.schemas.accounts import ACCOUNT_EXAMPLE, ACCOUNTS_EXAMPLE
from services.api.schemas.alerts import ALERT_EXAMPLE
from services.api.schemas.explanation import EXPLANATION_EXAMPLE
from services.api.schemas.history import TIMELINE_EXAMPLE
from services.api.schemas.stage import STAGE_EXAMPLE
from services.cli.reading import cells
from services.cli.reading.accounts import account_rows, profile_fields
from services.cli.reading.alerts import alert_row
from services.cli.reading.explain import explanation_tree
from services.cli.reading.stage import stage_fields
from services.cli.reading.tables import print_rows
from services.cli.reading.timeline import touchpoint_row


def printed(renderable: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def plain(row: tuple[Text, ...]) -> list[str]:
    return [cell.plain for cell in row]


def test_an_account_has_a_row_for_each_journey_with_stage_and_owner() -> None:
    (account,) = ACCOUNTS_EXAMPLE["items"]

    assert [plain(row) for row in account_rows(account)] == [
        ["acme", "b2b-jtbd-7", "evaluation", "active", "2026-03-02 09:30", "sales", "12,000"]
    ]


def test_an_account_on_no_journey_is_not_left_out() -> None:
    (account,) = ACCOUNTS_EXAMPLE["items"]

    assert [plain(row) for row in account_rows({**account, "placements": []})] == [
        ["acme", "-", "-", "-", "-", "-", "12,000"]
    ]


def test_a_profile_names_the_people_with_their_roles() -> None:
    fields = [(name, value.plain) for name, value in profile_fields(ACCOUNT_EXAMPLE)]

    assert fields == [
        ("account", "acme"),
        ("trait", "name: Acme"),
        ("trait", "industry: manufacturing"),
        ("value", "12,000"),
        ("touchpoints", "48"),
        ("last (UTC)", "2026-03-04 16:12"),
        ("journey", "b2b-jtbd-7: Evaluation, active since 2026-03-02 09:30"),
        ("person", "user:leah (champion)"),
    ]


def test_an_alert_says_who_is_stuck_whose_it_is_and_what_is_at_risk() -> None:
    assert plain(alert_row(ALERT_EXAMPLE)) == [
        "2026-03-16 09:30",
        "warning",
        "open",
        "acme",
        "sales",
        "12,000",
        "acme has been in Evaluation for 14 days without a move",
    ]


def test_a_stage_names_the_next_one_and_leaves_out_what_has_no_value() -> None:
    fields = [(name, value.plain) for name, value in stage_fields(STAGE_EXAMPLE)]

    assert fields == [
        ("account", "acme"),
        ("journey", "b2b-jtbd-7, version 3"),
        ("stage", "Evaluation"),
        ("status", "active"),
        ("since (UTC)", "2026-03-02 09:30"),
        ("job", "prove ROI to her CFO"),
        ("next", "Purchase"),
        ("content", "banner: See what teams like yours save"),
        ("last (UTC)", "2026-03-04 16:12"),
    ]


def test_an_explanation_names_what_is_missing_below_the_rule_that_lacks_it() -> None:
    head, rule, condition = printed(explanation_tree(EXPLANATION_EXAMPLE)).splitlines()

    assert head == "acme on trial version 2: started, active"
    assert rule.endswith("advance: activated  not yet  (stages.activated.enter)")
    assert condition.endswith(
        "no   Project Created at least 3 times; missing: Project Created 2 more times"
    )


def test_a_touchpoint_shows_the_silence_before_it_and_how_it_was() -> None:
    (touchpoint,) = TIMELINE_EXAMPLE["items"]

    assert plain(touchpoint_row(touchpoint)) == [
        "2026-03-02 09:30",
        "1 day",
        "Demo Requested",
        "user:leah",
        "website",
        (
            "role: champion, sentiment: 4, emotion: confident, value: 12000.0,"
            " question: Can our controller see it live?, plan: pro"
        ),
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (0, "0 seconds"), (1, "1 second"), (59.9, "59 seconds"), (3_599, "59 minutes"),
     (7_200, "2 hours"), (86_400, "1 day"), (864_000, "10 days")],
)  # fmt: skip
def test_a_duration_is_in_its_largest_whole_unit(seconds: float | None, shown: str) -> None:
    assert cells.duration(seconds).plain == shown


@pytest.mark.parametrize("hostile", ["a\x1b[2Jb", "a\x07b", "a\rb", "a\u202eb"])
def test_nothing_that_was_sent_steers_the_terminal(hostile: str) -> None:
    row = alert_row({**ALERT_EXAMPLE, "account_id": hostile, "summary": hostile})

    assert row[3].plain == row[6].plain
    assert row[3].plain.isprintable()


def test_markup_in_a_name_is_shown_and_not_obeyed() -> None:
    tree = explanation_tree({**EXPLANATION_EXAMPLE, "account_id": "[red]x[/red]"})

    assert "[red]x[/red] on trial" in printed(tree)


def test_off_a_terminal_a_row_is_one_line_however_long_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = alert_row({**ALERT_EXAMPLE, "account_id": "a" * 200, "summary": "word " * 100})

    print_rows([*"1234567"], [row], empty="")

    assert len(capsys.readouterr().out.splitlines()) == 2
