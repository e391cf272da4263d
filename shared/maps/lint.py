"""Warnings about a valid map: what is missing to make it useful and readable.

Never an error: a map with warnings can be published.
"""

from collections.abc import Iterator
from datetime import date

from shared.maps.document import CHANNELS, MapDocument
from shared.maps.events import events_known, events_read, touchpoint_events
from shared.maps.problems import MapProblem, Path, did_you_mean, excerpt
from shared.maps.rules import walk
from shared.wording import likely_meant

MAX_TOUCHPOINTS = 12
"""Touchpoints in one stage that a reader still surveys at a glance."""

_AFTER_PURCHASE = (
    "onboard", "retention", "retain", "advoca", "loyal", "growth", "expan", "renew", "adopt",
    "activat", "support", "customer", "post_purchase", "after", "success", "referral", "repeat",
)  # fmt: skip
_PURCHASE = ("purchase", "decision", "checkout", "buy", "order", "contract", "close", "conver")


def lint(document: MapDocument, *, today: date | None = None) -> list[MapProblem]:
    """Warnings, in the order of the text. `today` None leaves out what depends on the day."""
    warnings = [
        *_stages(document),
        *_touchpoints(document),
        *_internal_milestones(document),
        *_after_purchase(document),
        *_unlisted_events(document),
        *_server_only(document),
        *_review(document, today),
    ]
    return sorted(warnings, key=lambda problem: (problem.line or 0, problem.column or 0))


def _stages(document: MapDocument) -> Iterator[MapProblem]:
    for index, stage in enumerate(document.stages):
        here: Path = ("stages", index)
        name = excerpt(stage.key)
        if stage.owner is None:
            message = f"the stage `{name}` has no owner"
            yield document.positions.problem(here, message, "alerts go to the owner: add `owner`")
        if stage.job is None:
            message = f"the stage `{name}` has no job"
            hint = "say in the customer's words what they want done here: add `job`"
            yield document.positions.problem(here, message, hint)


def _touchpoints(document: MapDocument) -> Iterator[MapProblem]:
    for index, stage in enumerate(document.stages):
        here: Path = ("stages", index, "touchpoints")
        if len(stage.touchpoints) > MAX_TOUCHPOINTS:
            message = f"{len(stage.touchpoints)} touchpoints in one stage"
            hint = f"more than {MAX_TOUCHPOINTS} are hard to read; keep those that matter"
            yield document.positions.problem(here, message, hint)
        for number, touchpoint in enumerate(stage.touchpoints):
            place = (*here, number)
            if touchpoint.owner is None and stage.owner is None:
                message = f"the touchpoint `{excerpt(touchpoint.event)}` has no owner"
                yield document.positions.problem(place, message, "a gap without a name stays open")
            if touchpoint.channel is not None and touchpoint.channel not in CHANNELS:
                message = f"`{excerpt(touchpoint.channel)}` is not one of the usual channels"
                usual = did_you_mean(touchpoint.channel, CHANNELS)
                yield document.positions.problem((*place, "channel"), message, usual)


def _internal_milestones(document: MapDocument) -> Iterator[MapProblem]:
    internal = {m.key for m in document.milestones if not m.customer_facing}
    for index, stage in enumerate(document.stages):
        if stage.enter is None:
            continue
        rules = [rule for _, rule in walk((), stage.enter)]
        milestones = [key for rule in rules for _, key in rule.milestones()]
        if not milestones or any(rule.needs_event for rule in rules):
            continue
        if internal.issuperset(milestones):
            yield document.positions.problem(
                ("stages", index, "enter"),
                f"only internal milestones lead to the stage `{excerpt(stage.key)}`",
                "a stage is the customer's progress: name something that the customer did",
            )


def _after_purchase(document: MapDocument) -> Iterator[MapProblem]:
    last = document.stages[-1]
    words = f"{last.key} {last.title}".lower()
    follows_purchase = any(
        any(word in f"{stage.key} {stage.title}".lower() for word in _PURCHASE)
        for stage in document.stages[:-1]
    )
    if not follows_purchase and not any(word in words for word in _AFTER_PURCHASE):
        yield document.positions.problem(
            ("stages", len(document.stages) - 1),
            "no stage comes after the purchase",
            "customers go on after they have bought: onboarding, retention, renewal",
        )


def _unlisted_events(document: MapDocument) -> Iterator[MapProblem]:
    """Events of rules that are no touchpoint, but nearly one: misspelt, or spelt in another way."""
    listed = touchpoint_events(document)
    spelt = {_without_case_and_blanks(event): event for event in sorted(listed)}
    for path, event in events_read(document):
        near = None if event in listed else likely_meant(event, listed)
        other = spelt.setdefault(_without_case_and_blanks(event), event)
        if near is None and other != event and event not in listed:
            message = f"`{excerpt(event)}` and `{excerpt(other)}` differ by case or spaces alone"
            hint = "names are compared letter by letter; write both alike"
            yield document.positions.problem(path, message, hint)
        if near is not None:
            message = f"`{excerpt(event)}` is no touchpoint, but nearly one"
            hint = f"names are compared letter by letter; did you mean `{excerpt(near)}`?"
            yield document.positions.problem(path, message, hint)


def _without_case_and_blanks(event: str) -> str:
    return "".join(event.split()).casefold()


def _server_only(document: MapDocument) -> Iterator[MapProblem]:
    """Events of `server_only` that the map does not use: a typing error would protect nothing."""
    used = events_known(document)
    for number, event in enumerate(document.server_only or ()):
        if event not in used:
            message = f"`{excerpt(event)}` is no touchpoint, and no rule waits for it"
            hint = did_you_mean(event, sorted(used)) or "names are compared letter by letter"
            yield document.positions.problem(("server_only", number), message, hint)


def _review(document: MapDocument, today: date | None) -> Iterator[MapProblem]:
    if document.review_due is not None and today is not None and document.review_due < today:
        yield document.positions.problem(
            ("review_due",),
            f"the review was due on {document.review_due.isoformat()}",
            "check the map against what customers do, then set the next date",
        )
