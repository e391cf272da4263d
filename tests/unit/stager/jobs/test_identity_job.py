"""How many names the identity job resolves at once."""

import pytest

from services.stager.jobs.identity_job import next_chunk


@pytest.mark.parametrize(
    ("chunk", "seconds", "wanted"),
    [
        pytest.param(50, 0.05, 100, id="more while it is short"),
        pytest.param(50, 0.15, 50, id="as many while it is about right"),
        pytest.param(50, 0.5, 25, id="fewer when batches waited long"),
        pytest.param(1, 60.0, 1, id="one at least"),
        pytest.param(1000, 0.0, 1000, id="a bounded number"),
    ],
)
def test_the_next_step_is_as_large_as_batches_can_wait_for(
    chunk: int, seconds: float, wanted: int
) -> None:
    assert next_chunk(chunk, seconds) == wanted
