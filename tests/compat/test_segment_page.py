"""What docs/ways-in/segment.md shows for a terminal works as it stands there."""

import json
from pathlib import Path

from tests.compat.service import Service
from tests.compat.snippets import snippet
from tests.compat.test_ways_in import events, shell


async def test_curl_sends_a_batch_and_the_answer_is_the_one_shown(
    service: Service, tmp_path: Path
) -> None:
    answer = await shell(service, "segment-curl", tmp_path)

    assert answer.strip() == snippet("segment-curl-answer").text.strip()
    assert await events(service, "segment-leah", 2) == ["Demo Requested", "Person Identified"]


async def test_strict_mode_tells_what_the_page_shows(service: Service, tmp_path: Path) -> None:
    answer = await shell(service, "segment-strict", tmp_path)

    assert json.loads(answer) == json.loads(snippet("segment-strict-answer").text)
    assert await events(service, "segment-omar", 1) == ["Trial Started"]
