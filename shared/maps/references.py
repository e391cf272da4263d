"""Checks beyond the schema: names that do not exist, keys used twice, cycles, wrong order."""

from collections.abc import Iterator, Sequence

from shared.maps.document import Endpoint, MapDocument, Metric
from shared.maps.problems import MapProblem, Path, did_you_mean, excerpt
from shared.maps.rules import RuleModel, walk


def problems_in(document: MapDocument) -> list[MapProblem]:
    """All errors of a well-formed map that keep it from running."""
    return [
        *_duplicate_keys(document),
        *_entries(document),
        *_stage_references(document),
        *_condition_references(document),
        *_milestone_cycles(document),
        *_metric_references(document),
        *_personas(document),
    ]


def conditions_of(document: MapDocument) -> Iterator[tuple[Path, RuleModel]]:
    """Every outermost condition of the map, with its place."""
    if document.applies_to:
        yield ("applies_to",), document.applies_to
    for index, stage in enumerate(document.stages):
        here: Path = ("stages", index)
        if stage.enter:
            yield (*here, "enter"), stage.enter
        for number, back in enumerate(stage.back):
            yield (*here, "back", number, "when"), back.when
    for index, outcome in enumerate(document.outcomes):
        yield ("outcomes", index, "when"), outcome.when
        if outcome.win_back:
            yield ("outcomes", index, "win_back", "when"), outcome.win_back.when
    for index, milestone in enumerate(document.milestones):
        yield ("milestones", index, "when"), milestone.when
    for index, loop in enumerate(document.loops):
        yield ("loops", index, "when"), loop.when


def _duplicate_keys(document: MapDocument) -> Iterator[MapProblem]:
    lists: dict[str, list[str]] = {
        "stages": [stage.key for stage in document.stages],
        "outcomes": [outcome.key for outcome in document.outcomes],
        "milestones": [milestone.key for milestone in document.milestones],
        "personas": [persona.key for persona in document.personas],
        "roles": [role.key for role in document.roles],
    }
    for name, keys in lists.items():
        first: dict[str, int] = {}
        for index, key in enumerate(keys):
            if key not in first:
                first[key] = index
                continue
            seen = document.positions.find((name, first[key], "key"))
            where = f" on line {seen.line}" if seen else ""
            yield document.positions.problem(
                (name, index, "key"),
                f"the key `{excerpt(key)}` is taken already{where}",
                "choose another key",
            )


def _entries(document: MapDocument) -> Iterator[MapProblem]:
    for index, stage in enumerate(document.stages[1:], start=1):
        if stage.enter is None:
            yield document.positions.problem(
                ("stages", index),
                f"the stage `{excerpt(stage.key)}` has no `enter`",
                "only the first stage may be entered by just anything; name what leads here",
            )


def _stage_references(document: MapDocument) -> Iterator[MapProblem]:
    keys = [stage.key for stage in document.stages]
    for index, stage in enumerate(document.stages):
        for number, back in enumerate(stage.back):
            path: Path = ("stages", index, "back", number, "to")
            if back.to not in keys:
                yield _unknown(document, path, "stage", back.to, keys)
            elif keys.index(back.to) >= index:
                earlier = ", ".join(f"`{excerpt(key)}`" for key in keys[:index]) or "none"
                yield document.positions.problem(
                    path,
                    "a move back leads to an earlier stage",
                    f"stages before this one: {earlier}",
                )
    references: list[tuple[Path, str]] = []
    for index, outcome in enumerate(document.outcomes):
        references += [
            (("outcomes", index, "from", number), key) for number, key in enumerate(outcome.from_)
        ]
        if outcome.win_back:
            references.append((("outcomes", index, "win_back", "to"), outcome.win_back.to))
    for index, loop in enumerate(document.loops):
        references += [
            (("loops", index, "from", number), key) for number, key in enumerate(loop.from_)
        ]
        references.append((("loops", index, "to"), loop.to))
    for path, key in references:
        if key not in keys:
            yield _unknown(document, path, "stage", key, keys)


def _condition_references(document: MapDocument) -> Iterator[MapProblem]:
    stages = [stage.key for stage in document.stages]
    milestones = [milestone.key for milestone in document.milestones]
    for place, outermost in conditions_of(document):
        for path, rule in walk(place, outermost):
            for inner, key in rule.stages():
                if key not in stages:
                    yield _unknown(document, (*path, *inner), "stage", key, stages)
            if rule.needs_stage and place == ("applies_to",):
                yield document.positions.problem(
                    path,
                    "`applies_to` is asked before there is a stage",
                    "ask for traits or events",
                )
            for inner, key in rule.milestones():
                if key not in milestones:
                    yield _unknown(document, (*path, *inner), "milestone", key, milestones)


def _milestone_cycles(document: MapDocument) -> Iterator[MapProblem]:
    needs = {
        milestone.key: {key for _, rule in walk((), milestone.when) for _, key in rule.milestones()}
        for milestone in document.milestones
    }
    for index, milestone in enumerate(document.milestones):
        reached: set[str] = set()
        ahead = set(needs[milestone.key])
        while ahead:
            key = ahead.pop()
            if key not in reached:
                reached.add(key)
                ahead |= needs.get(key, set())
        if milestone.key in reached:
            yield document.positions.problem(
                ("milestones", index, "when"),
                f"the milestone `{excerpt(milestone.key)}` waits for itself",
                "milestones may build on each other, but not in a circle",
            )


def _metric_references(document: MapDocument) -> Iterator[MapProblem]:
    stages = [stage.key for stage in document.stages]
    outcomes = [outcome.key for outcome in document.outcomes]
    milestones = [milestone.key for milestone in document.milestones]
    for path, metric in metrics_of(document):
        if metric.leads_to is not None and metric.leads_to not in outcomes + milestones:
            yield _unknown(
                document,
                (*path, "leads_to"),
                "outcome or milestone",
                metric.leads_to,
                outcomes + milestones,
            )
        for end, endpoint in (("from", metric.from_), ("to", metric.to)):
            if endpoint is None:
                continue
            here = (*path, end)
            yield from _endpoint(document, here, endpoint)
            for name, key, existing in (
                ("stage", endpoint.stage, stages),
                ("milestone", endpoint.milestone, milestones),
                ("outcome", endpoint.outcome, outcomes),
            ):
                if key is not None and key not in existing:
                    yield _unknown(document, (*here, name), name, key, existing)


def metrics_of(document: MapDocument) -> Iterator[tuple[Path, Metric]]:
    """Every metric of the stages, with its place."""
    for index, stage in enumerate(document.stages):
        if stage.metrics is None:
            continue
        for name, metric in (("volume", stage.metrics.volume), ("health", stage.metrics.health)):
            if metric is not None:
                yield ("stages", index, "metrics", name), metric


def _endpoint(document: MapDocument, path: Path, endpoint: Endpoint) -> Iterator[MapProblem]:
    given = [name for name in ("stage", "milestone", "outcome", "event") if getattr(endpoint, name)]
    if len(given) != 1:
        yield document.positions.problem(
            path,
            "a metric counts from one thing to one thing",
            "name a stage, milestone, outcome or event",
        )


def _personas(document: MapDocument) -> Iterator[MapProblem]:
    existing = ["default", *(persona.key for persona in document.personas)]
    for index, stage in enumerate(document.stages):
        for name in stage.content:
            if name not in existing:
                path: Path = ("stages", index, "content", name)
                yield _unknown(document, path, "persona", name, existing, is_key=True)


def _unknown(
    document: MapDocument,
    path: Path,
    what: str,
    key: str,
    existing: Sequence[str],
    *,
    is_key: bool = False,
) -> MapProblem:
    return document.positions.problem(
        path,
        f"there is no {what} `{excerpt(key)}`",
        did_you_mean(key, existing) or f"this map has no {what}",
        key=is_key,
    )
