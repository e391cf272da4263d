"""What one fold costs, beside a bare dict counter over the same events in the same run.

    python -m tests.benchmarks.bench_engine [--seconds 2]

One core, no I/O. The map is the default one: 7 stages. A typical touchpoint moves nothing: the
subject is in Evaluation and looks at pages, some of which a rule counts. Each figure is the best of
many short rounds and in processor time, because the machine is shared and noise only ever adds.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time

import msgspec

from shared.journey.compile import CompiledJourney, compile_journey
from shared.journey.deadlines import next_deadline
from shared.journey.fold import fold, refold
from shared.journey.model import Touchpoint
from shared.journey.state import State
from shared.maps import parse, templates, to_journey

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
BEFORE = ("Blog Post Read", "Guide Downloaded", "Webinar Attended", "Demo Requested", "Page Viewed")
AFTERWARDS = ("Page Viewed", "Case Study Read", "Product Page Viewed", "Feature Used")
ROUND = 200
LONG_HISTORY = 10_000


def make(number: int, event: str, after: timedelta) -> Touchpoint:
    """A touchpoint as the stager hands it in."""
    return Touchpoint(
        message_id=f"0190a7b2-1c2d-7e3f-8a4b-{number:012d}",
        occurred_at=START + after,
        event=event,
        person="user:leah",
        channel="website",
        properties={"path": "/pricing", "referrer": "newsletter"},
    )


def best(measured: Callable[[], object], seconds: float) -> float:
    """Least processor time of one call within `seconds` of calling."""
    fastest, end = float("inf"), perf_counter() + seconds
    while perf_counter() < end:
        started = process_time()
        measured()
        fastest = min(fastest, process_time() - started)
    return fastest


def count(events: list[Touchpoint]) -> dict[str, int]:
    """The bare limit: the least that a program does which looks at each event at all."""
    counts: dict[str, int] = {}
    for touchpoint in events:
        counts[touchpoint.event] = counts.get(touchpoint.event, 0) + 1
    return counts


def fold_each(compiled: CompiledJourney, state: State, events: list[Touchpoint]) -> None:
    """Fold each event into the same state, and drop the result."""
    for touchpoint in events:
        fold(compiled, state, touchpoint)


def report(line: str) -> None:
    """Write a line of the report."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Print folds a second, the re-fold of a long history, and both beside the bare loop."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=2.0, help="spent on each figure")
    seconds = options.parse_args().seconds
    compiled = compile_journey(to_journey(parse(templates.read("b2b-jtbd-7")), 1))
    journey = compiled.journey
    facts = len(compiled.facts.trackers) + len(compiled.facts.traits)
    report(f"map {journey.key}: {len(journey.stages)} stages, {facts} facts to keep")

    history = [make(at, event, timedelta(days=at)) for at, event in enumerate(BEFORE)]
    state, _ = refold(compiled, history, START)
    once = [
        make(9_000 + at, AFTERWARDS[at % len(AFTERWARDS)], timedelta(days=10))
        for at in range(ROUND)
    ]
    size = len(msgspec.json.encode(state))
    report(f"state in {state.stage}: {size} bytes of JSON")
    folded = best(lambda: fold_each(compiled, state, once), seconds) / ROUND
    bare = best(lambda: count(once), seconds / 4) / ROUND
    report(
        f"fold, nothing moves: {1 / folded:,.0f} a second ({folded * 1e6:.2f} µs);"
        f" bare counter {1 / bare:,.0f} ({bare * 1e6:.3f} µs); ratio {bare / folded:.4f}"
    )
    due = best(lambda: next_deadline(compiled, state), seconds / 4)
    report(f"next_deadline: {due * 1e6:.2f} µs")

    long = [
        make(
            at, (*BEFORE, *AFTERWARDS)[at % len((*BEFORE, *AFTERWARDS))], timedelta(minutes=30 * at)
        )
        for at in range(LONG_HISTORY)
    ]
    refolded = best(lambda: refold(compiled, long, START), seconds)
    counted = best(lambda: count(long), seconds / 4)
    report(
        f"re-fold of {LONG_HISTORY:,} events: {refolded * 1e3:.1f} ms;"
        f" bare counter {counted * 1e3:.2f} ms; ratio {counted / refolded:.4f}"
    )


if __name__ == "__main__":
    main()
