"""A small sound map to introduce mistakes into, and the problems of a map that has some."""

import pytest

from shared.maps import MapInvalid, MapProblem, parse

SOUND = """\
journey: small
title: Small
subject: account
stages:
  - key: research
    title: Research
  - key: evaluation
    title: Evaluation
    enter:
      any:
        - {event: Demo Requested}
        - {event: Pricing Viewed, where: {plan: pro}, count: 3, within: 14d}
    stall_after: 30d
outcomes:
  - key: lost
    title: Lost
    kind: lost
    when: {event: Deal Lost}
    from: [evaluation]
    win_back: {to: research, when: {event: Demo Requested}}
milestones:
  - {key: signed, title: Signed, when: {event: Contract Signed}}
loops:
  - {from: [evaluation], to: research, when: {milestone: signed}}
"""


def problems(text: str) -> tuple[MapProblem, ...]:
    with pytest.raises(MapInvalid) as refused:
        parse(text)
    return refused.value.problems
