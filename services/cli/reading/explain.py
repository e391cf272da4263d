"""`stageline explain`: the rules that could move an account next, and what each lacks."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from services.cli.client.http import call, print_json
from services.cli.client.target import target
from services.cli.reading import cells
from services.cli.reading.accounts import path_of
from services.cli.reading.options import Account, AsJson, Journey, Key, Url, parameters
from services.cli.reading.tables import console


def explain(
    account: Account,
    *,
    journey: Journey = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Show why an account stands where it does: what holds, and what is missing for the next stage."""
    answer = call(
        target(url, key, secret=True),
        "GET",
        f"{path_of(account)}/explain",
        params=parameters(journey=journey),
    )
    print_json(answer) if as_json else console().print(explanation_tree(answer))


def explanation_tree(answer: Mapping[str, Any]) -> Tree:
    """The placement, below it each rule, below that its conditions."""
    place = answer["outcome"] or answer["stage"] or "on no stage"
    label = cells.text(answer["account_id"], "bold")
    label.append(f" on {answer['journey']} version {answer['map_version']}: ")
    label.append_text(cells.text(place, "bold")).append(", ").append_text(
        cells.state(answer["status"])
    )
    tree = Tree(label)
    for rule in answer["reachable"]:
        _add_condition(tree.add(_rule(rule)), rule["condition"])
    if not answer["reachable"]:
        tree.add(Text("no rule can move it from here"))
    return tree


def _rule(rule: Mapping[str, Any]) -> Text:
    if rule["waits"]:
        state = Text("holds, acts with the next event", style="green")
    elif rule["holds"]:
        state = Text("holds", style="green")
    else:
        state = Text("not yet", style="yellow")
    where = rule["outcome"] or rule["to_stage"] or "the journey"
    text = Text(f"{rule['kind'] or 'join'}: ").append_text(cells.text(where, "bold"))
    text.append("  ").append_text(state)
    if rule["at"]:
        text.append("  from ").append_text(cells.instant(rule["at"])).append(" UTC")
    return text.append(f"  ({rule['rule']})", style="dim")


def _add_condition(tree: Tree, node: Mapping[str, Any]) -> None:
    mark = Text("yes  ", style="green") if node["holds"] else Text("no   ", style="yellow")
    text = mark.append_text(cells.text(node["text"], "default"))
    if node["satisfied_by"]:
        text.append("; missing: ").append_text(cells.text(node["satisfied_by"]))
    branch = tree.add(text)
    for part in node["parts"]:
        _add_condition(branch, part)
