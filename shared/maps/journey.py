"""A document as the engine needs it."""

from shared.journey.map import Back, Journey, Loop, Milestone, Outcome, Stage, WinBack
from shared.journey.model import SubjectKind
from shared.maps import document as maps
from shared.maps.values import timedelta_of


def to_journey(document: maps.MapDocument, version: int) -> Journey:
    """The journey that a map describes, as its published `version`."""
    return Journey(
        key=document.journey,
        version=version,
        title=document.title,
        subject=SubjectKind(document.subject),
        stages=tuple(_stage(stage) for stage in document.stages),
        applies_to=document.applies_to.to_condition() if document.applies_to else None,
        outcomes=tuple(
            Outcome(
                key=outcome.key,
                title=outcome.title,
                kind=outcome.kind,
                when=outcome.when.to_condition(),
                stages=tuple(outcome.from_),
                win_back=WinBack(to=outcome.win_back.to, when=outcome.win_back.when.to_condition())
                if outcome.win_back
                else None,
            )
            for outcome in document.outcomes
        ),
        milestones=tuple(
            Milestone(
                key=milestone.key,
                title=milestone.title,
                when=milestone.when.to_condition(),
                is_customer_facing=milestone.customer_facing,
            )
            for milestone in document.milestones
        ),
        loops=tuple(
            Loop(stages=tuple(loop.from_), to=loop.to, when=loop.when.to_condition())
            for loop in document.loops
        ),
        may_skip=document.policy.skips == "allow",
    )


def _stage(stage: maps.Stage) -> Stage:
    return Stage(
        key=stage.key,
        title=stage.title,
        enter=stage.enter.to_condition() if stage.enter else None,
        back=tuple(Back(to=back.to, when=back.when.to_condition()) for back in stage.back),
        stall_after=timedelta_of(stage.stall_after) if stage.stall_after else None,
        job=stage.job,
        owner=stage.owner,
    )
