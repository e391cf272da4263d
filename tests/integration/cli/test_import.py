"""`stageline import` as a person runs it: the real command against a running Stageline."""

import asyncio
import csv
import gzip
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import xlsxwriter
from pyarrow import parquet as pq
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.clock import ManualClock
from shared.http.server import serve
from shared.maps import templates
from shared.process.listener import bind
from tests.conftest import require
from tests.support.services import Log, Stack

ECOM = Path(__file__).parents[4] / "shared" / "data" / "ecom.csv.gz"
"""Event data beside a development checkout; never part of the project."""

NOW = datetime(2024, 7, 1, tzinfo=UTC)

SHOP = "user_id,session,event,timestamp,platform\n"


@pytest.fixture
async def stack(database_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    running = Stack(database_url, Log(), ManualClock(NOW), tmp_path)
    await running.start()
    await running.publish(templates.read("shop-person"))
    yield running
    await running.stop()


@dataclass(frozen=True)
class ImportResult:
    code: int | None
    out: str
    error: str

    def json(self) -> Any:
        return json.loads(self.out)

    def summary(self) -> dict[str, Any]:
        """The answer to `--json` without the id of the import, which is made anew each time."""
        return {name: value for name, value in self.json().items() if name != "import_id"}


async def run_import(url: str, key: str, folder: Path, *arguments: str | Path) -> ImportResult:
    environ = os.environ | {"STAGELINE_URL": url, "STAGELINE_SECRET_KEY": key}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "import", *map(str, arguments)),
        cwd=folder,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    return ImportResult(process.returncode, out.decode(), error.decode())


def where(stack: Stack) -> tuple[str, str]:
    key = stack.read.headers["Authorization"].removeprefix("Bearer ")
    return str(stack.write.base_url), key


def shop_file(folder: Path, rows: list[str], name: str = "shop.csv") -> Path:
    path = folder / name
    path.write_text(SHOP + "".join(row + "\n" for row in rows))
    return path


ROWS = [
    f"user_{user},s{user},{event},2024-03-{10 + user % 20:02} 10:{minute:02}:00,desktop"
    for user in range(60)
    for minute, event in enumerate(["home", "review_page", "add_to_cart", "shipping_details"])
]


async def test_a_file_goes_in_once_however_often_it_is_sent(stack: Stack, tmp_path: Path) -> None:
    path = shop_file(tmp_path, ROWS)

    first = await run_import(*where(stack), tmp_path, path, "--property", "platform", "--json")
    second = await run_import(*where(stack), tmp_path, path, "--property", "platform", "--json")
    stack.accepted = 2 * len(ROWS)
    await stack.settled()

    assert first.code == 0
    assert first.summary() == {"accepted": 240, "refused": 0, "complete": True, "misspelt": {}}
    assert second.json()["accepted"] == 240
    (report,) = [await stack.verified()]
    assert report.touchpoints == 240
    assert report.problems == []
    stage = await stack.stage(user_id="user_7", journey="shop-person")
    assert stage["stage"] == "checkout"


async def test_two_equal_rows_are_two_events(stack: Stack, tmp_path: Path) -> None:
    path = shop_file(tmp_path, ["ann,s,home,2024-03-13 10:00:00,mobile"] * 2)

    await run_import(*where(stack), tmp_path, path)
    stack.accepted = 2
    await stack.settled()

    assert len(await stack.timeline("user:ann")) == 2


async def test_refused_rows_are_named_by_line_and_the_others_are_sent(
    stack: Stack, tmp_path: Path
) -> None:
    path = shop_file(
        tmp_path,
        [
            "ann,s,home,2024-03-13 10:00:00,mobile",
            "ann,s,home,yesterday,mobile",
            ",s,home,2024-03-13 10:00:00,mobile",
            "bob,s,home,2024-03-13 10:00:00,mobile",
        ],
    )

    ran = await run_import(*where(stack), tmp_path, path, "--errors", "refused.ndjson")

    assert ran.code == 3
    assert "2 events accepted, 2 rows refused" in ran.out
    refused = [json.loads(line) for line in (tmp_path / "refused.ndjson").read_text().splitlines()]
    assert sorted(entry["import_line"] for entry in refused) == [3, 4]
    assert "line 3" in ran.error


class HalfIngest:
    """Takes so many requests and is busy from then on."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.accepted_ids: list[str] = []

    async def touchpoints(self, request: Request) -> Response:
        if self.takes == 0:
            return Response(status_code=503, headers={"Retry-After": "1"})
        self.takes -= 1
        events = await request.json()
        self.accepted_ids += [event["message_id"] for event in events]
        return JSONResponse({"accepted": len(events), "rejected": []}, status_code=202)


@pytest.fixture
async def half_ingest() -> AsyncIterator[tuple[HalfIngest, str]]:
    half = HalfIngest(takes=3)
    app = Starlette(routes=[Route("/v1/touchpoints", half.touchpoints, methods=["POST"])])
    stop = asyncio.Event()
    listener = bind("127.0.0.1", 0)
    serving = asyncio.ensure_future(serve(app, listener, stop))
    yield half, f"http://127.0.0.1:{listener.getsockname()[1]}"
    stop.set()
    await serving


async def test_an_import_that_was_stopped_goes_on_after_the_last_answer(
    half_ingest: tuple[HalfIngest, str], tmp_path: Path
) -> None:
    half, url = half_ingest
    path = shop_file(tmp_path, ROWS)
    arguments = (path, "--batch-rows", "10", "--concurrency", "1", "--json")

    stopped = await run_import(url, "key", tmp_path, *arguments, "--patience", "0")
    before, half.accepted_ids, half.takes = half.accepted_ids, [], 1000
    resumed = await run_import(url, "key", tmp_path, *arguments)

    assert stopped.code == 1
    assert stopped.summary() == {"accepted": 30, "refused": 0, "complete": False, "misspelt": {}}
    assert "the same command goes on from here" in stopped.error
    assert "Traceback" not in stopped.error
    assert resumed.summary() == {"accepted": 240, "refused": 0, "complete": True, "misspelt": {}}
    assert (len(before), len(half.accepted_ids)) == (30, 210)
    assert len({*before, *half.accepted_ids}) == 240


async def test_gzip_ndjson_and_a_mapping_file_work_together(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson.gz"
    lines = [
        json.dumps({"what": "in_basket", "who": {"id": "zoe"}, "at": 1710325274000 + number})
        for number in range(3)
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "columns: {event: what, user_id: who.id, occurred_at: at}\n"
        "rename: {in_basket: add_to_cart}\n"
        "constants: {channel: website}\n"
    )

    ran = await run_import(*where(stack), tmp_path, path, "--mapping", mapping, "--json")
    stack.accepted = 3
    await stack.settled()

    assert ran.json()["accepted"] == 3
    timeline = await stack.timeline("user:zoe")
    assert {(item["event"], item["channel"]) for item in timeline} == {("add_to_cart", "website")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.csv"], "no such file"),
        (["shop.csv", "--user-column", "nope"], "no column nope"),
        (["shop.csv", "--timezone", "Mars/North"], "no time zone"),
        (["shop.csv", "--colour", "red"], "No such option"),
        (["shop.csv", "--key", "wrong"], "key was refused"),
        (["shop.csv", "--url", "http://127.0.0.1:9", "--patience", "0"], "gave up"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
async def test_a_mistake_ends_in_a_sentence(
    stack: Stack, tmp_path: Path, arguments: list[str], words: str
) -> None:
    shop_file(tmp_path, ROWS[:2])

    ran = await run_import(*where(stack), tmp_path, *arguments)

    assert ran.code in {1, 2}
    assert words in ran.error
    assert "Traceback" not in ran.error


async def test_what_a_dry_run_says_is_what_ingest_then_does(stack: Stack, tmp_path: Path) -> None:
    path = shop_file(
        tmp_path,
        [
            *ROWS[:20],
            "ann,s,home,yesterday,mobile",
            ",s,home,2024-03-13 10:00:00,mobile",
            "ann,s,home,1969-03-13 10:00:00,mobile",
            f"ann,s,{'x' * 300},2024-03-13 10:00:00,mobile",
            f"ann,s,home,2024-03-13 10:00:00,{'x' * 40_000}",
            "ann,s,ho\0me,2024-03-13 10:00:00,mobile",
            "ann,s,home",
        ],
    )
    arguments = (path, "--property", "platform", "--json", "--errors")

    # The dry run needs neither an address nor a key.
    dry = await run_import("", "", tmp_path, *arguments, "dry.ndjson", "--dry-run")
    real = await run_import(*where(stack), tmp_path, *arguments, "real.ndjson")

    assert (dry.code, real.code) == (3, 3)
    assert (dry.json()["accepted"], dry.json()["refused"]) == (20, 7)
    assert real.summary() == {"accepted": 20, "refused": 7, "complete": True, "misspelt": {}}
    assert (tmp_path / "dry.ndjson").read_text() == (tmp_path / "real.ndjson").read_text()


async def test_refused_rows_go_in_once_they_are_repaired(stack: Stack, tmp_path: Path) -> None:
    path = shop_file(
        tmp_path,
        ["ann,s,home,yesterday,mobile", *ROWS[:3], "bob,s,home,2024-03-13 10:00:00,mobile,?"],
    )
    first = await run_import(*where(stack), tmp_path, path, "--errors", "refused.csv")
    refused = (tmp_path / "refused.csv").read_text()
    repaired = refused.replace("yesterday", "2024-03-13 10:00:00").replace(",mobile,?", ",mobile")
    (tmp_path / "refused.csv").write_text(repaired)

    itself = await run_import(
        *where(stack), tmp_path, "refused.csv", "--errors", "refused.csv", "--json"
    )
    second = await run_import(*where(stack), tmp_path, "refused.csv", "--json")
    stack.accepted = 5
    await stack.settled()

    assert first.code == 3
    assert (itself.code, itself.out) == (2, "")
    assert "--errors names the file that is imported" in itself.error
    assert (second.code, second.json()["accepted"]) == (0, 2)
    assert len(await stack.timeline("user:ann")) == 1


async def test_a_resumed_import_goes_on_in_the_file_of_refused_rows(
    half_ingest: tuple[HalfIngest, str], tmp_path: Path
) -> None:
    half, url = half_ingest
    path = shop_file(tmp_path, ["ann,s,home,yesterday,mobile", *ROWS, "bob,s,home,soon,mobile"])
    arguments = (path, "--batch-rows", "10", "--concurrency", "1", "--errors", "refused.csv")

    stopped = await run_import(url, "key", tmp_path, *arguments, "--patience", "0")
    half.takes = 1000
    resumed = await run_import(url, "key", tmp_path, *arguments)

    assert (stopped.code, resumed.code) == (1, 3)
    lines = (tmp_path / "refused.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["import_line", "2", "243"]


async def test_half_a_year_of_a_shop_goes_in_and_every_user_has_a_stage(
    stack: Stack, tmp_path: Path
) -> None:
    require(available=ECOM.exists(), reason="the shop data does not lie beside this checkout")
    with gzip.open(ECOM, "rt") as file:
        users = sorted({line.partition(",")[0] for line in file} - {"user_id"})

    ran = await run_import(
        *where(stack), tmp_path, ECOM, "--channel", "website", "--property", "platform", "--json"
    )
    stack.accepted = 31_106
    await stack.settled()

    assert ran.summary() == {"accepted": 31_106, "refused": 0, "complete": True, "misspelt": {}}
    answer = await stack.read.post(
        "/v1/stage:batch",
        json={"journey": "shop-person", "subjects": [{"user_id": user} for user in users]},
    )
    stages = [item["result"]["stage"] for item in answer.json()["items"]]
    assert len(users) == 600
    assert set(stages) <= {"browse", "consider", "cart", "checkout", "purchased"}
    assert (await stack.verified()).problems == []


def converted(folder: Path) -> tuple[Path, Path]:
    """The shop data as a workbook and as Parquet."""
    with gzip.open(ECOM, "rt", newline="") as file:
        header, *rows = csv.reader(file)
    place = header.index("timestamp")
    times = [datetime.fromisoformat(row[place]) for row in rows]
    workbook, parquet = folder / "shop.xlsx", folder / "shop.parquet"
    with xlsxwriter.Workbook(str(workbook), {"constant_memory": True}) as writer:
        sheet = writer.add_worksheet()
        form = writer.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write_row(0, 0, header)
        for number, (row, time) in enumerate(zip(rows, times, strict=True), start=1):
            sheet.write_row(number, 0, row)
            sheet.write_datetime(number, place, time, form)
    columns = {name: [row[at] for row in rows] for at, name in enumerate(header)}
    pq.write_table(pa.table(columns | {"timestamp": times}), parquet)
    return workbook, parquet


@pytest.mark.timeout(600)  # half a year, twice
async def test_the_same_shop_as_workbook_and_as_parquet_is_the_same_events(
    stack: Stack, tmp_path: Path
) -> None:
    require(available=ECOM.exists(), reason="the shop data does not lie beside this checkout")
    workbook, parquet = converted(tmp_path)

    for path in (workbook, parquet):
        ran = await run_import(*where(stack), tmp_path, path, "--property", "platform", "--json")
        assert ran.summary() == {"accepted": 31_106, "refused": 0, "complete": True, "misspelt": {}}
        stack.accepted += 31_106
        await stack.settled()

        report = await stack.verified(deep=False)
        assert (report.touchpoints, report.problems) == (31_106, [])
