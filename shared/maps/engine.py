"""A document as the engine needs it."""

from shared.journey import conditions, model
from shared.maps import rules
from shared.maps.document import MapDocument, Stage
from shared.maps.values import timedelta_of


def to_journey(document: MapDocument, version: int) -> model.Journey:
    """The journey that a map describes, as its published `version`."""
    return model.Journey(
        key=document.journey,
        version=version,
        title=document.title,
        subject=model.SubjectKind(document.subject),
        stages=tuple(_stage(stage) for stage in document.stages),
        applies_to=to_condition(document.applies_to) if document.applies_to else None,
        outcomes=tuple(
            model.Outcome(
                key=outcome.key,
                title=outcome.title,
                kind=outcome.kind,
                when=to_condition(outcome.when),
                stages=tuple(outcome.from_),
                win_back=model.WinBack(
                    to=outcome.win_back.to, when=to_condition(outcome.win_back.when)
                )
                if outcome.win_back
                else None,
            )
            for outcome in document.outcomes
        ),
        milestones=tuple(
            model.Milestone(
                key=milestone.key,
                title=milestone.title,
                when=to_condition(milestone.when),
                is_customer_facing=milestone.customer_facing,
            )
            for milestone in document.milestones
        ),
        loops=tuple(
            model.Loop(stages=tuple(loop.from_), to=loop.to, when=to_condition(loop.when))
            for loop in document.loops
        ),
        may_skip=document.policy.skips == "allow",
    )


def _stage(stage: Stage) -> model.Stage:
    return model.Stage(
        key=stage.key,
        title=stage.title,
        enter=to_condition(stage.enter) if stage.enter else None,
        back=tuple(model.Back(to=back.to, when=to_condition(back.when)) for back in stage.back),
        stall_after=timedelta_of(stage.stall_after) if stage.stall_after else None,
        job=stage.job,
        owner=stage.owner,
    )


def to_condition(rule: rules.AnyKindOfRule) -> conditions.Condition:  # noqa: PLR0911 - a table
    """One condition, with everything inside it."""
    match rule:
        case rules.AllRule():
            return conditions.All(parts=tuple(to_condition(part) for part in rule.all))
        case rules.AnyRule():
            return conditions.AnyOf(parts=tuple(to_condition(part) for part in rule.any))
        case rules.NotRule():
            return conditions.Not(part=to_condition(rule.not_))
        case rules.EventRule():
            return conditions.Performed(
                events=tuple(rule.event),
                where=_where(rule.where),
                count=rule.count,
                within=timedelta_of(rule.within) if rule.within else None,
                scope=conditions.Scope(rule.since) if rule.since else None,
            )
        case rules.NeverRule(never=detail):
            return conditions.Never(
                events=tuple(detail.event),
                where=_where(detail.where),
                within=timedelta_of(detail.within) if detail.within else None,
                scope=conditions.Scope(detail.since) if detail.since else None,
            )
        case rules.TraitRule(trait=detail):
            return _trait(detail)
        case rules.IdleRule():
            return conditions.IdleFor(duration=timedelta_of(rule.idle))
        case rules.InStageRule(in_stage=in_stage):
            return conditions.InStageFor(duration=timedelta_of(in_stage.for_), stage=in_stage.stage)
        case rules.MilestoneRule():
            return conditions.MilestoneReached(milestone=rule.milestone)


def _where(where: rules.Where) -> tuple[conditions.Predicate, ...]:
    return tuple(
        predicate
        for path, comparison in where.items()
        for predicate in _predicates(path, comparison)
    )


def _predicates(path: str, comparison: rules.Comparison) -> list[conditions.Predicate]:
    return [
        conditions.Predicate(
            path=path,
            operator=conditions.Operator(operator),
            value=tuple(value) if isinstance(value, list) else value,
        )
        for operator, value in comparison.comparisons()
    ]


def _trait(detail: rules.TraitDetail) -> conditions.Condition:
    owner = conditions.TraitOwner(detail.of)
    traits = tuple(
        conditions.Trait(owner=owner, predicate=predicate)
        for predicate in _predicates(detail.name, detail)
    )
    return traits[0] if len(traits) == 1 else conditions.All(parts=traits)
