"""What one batch does: everything of it, once, whatever comes twice, late or broken."""

from dataclasses import replace

import msgspec
import pytest

from services.stager.batch.batch_writer import BatchWriter
from services.stager.records.records import decode_all
from shared.contracts.envelope import Envelope
from shared.errors import FatalError, Fenced
from tests.integration.stager.world import HABIT, SALES, START, world


async def test_a_batch_places_an_account_and_keeps_its_history(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        done = await w.send(
            w.event("Blog Read", 0, account_id="acme", user_id="leah"),
            w.event("Demo Requested", 1, account_id="acme", user_id="leah", value=900.0),
        )

        assert [(d.applied, d.duplicate, d.dead) for d in done] == [(2, 0, 0)]
        assert await w.path("acme") == [(None, "aware"), ("aware", "evaluation")]
        assert await w.stage("acme") == ("evaluation", "active", 1)
        assert await w.rows(
            "SELECT message_id, subject_id, person_id FROM touchpoint ORDER BY 1"
        ) == [
            ("m0001", "acme", "user:leah"),
            ("m0002", "acme", "user:leah"),
        ]
        assert await w.rows("SELECT version, touchpoints, value FROM subject") == [(1, 2, 900.0)]
        assert await w.rows("SELECT type FROM outbox ORDER BY outbox_id") == [
            ("journey.stage.entered",),
            ("journey.stage.exited",),
            ("journey.stage.entered",),
        ]
        assert await w.rows(
            "SELECT cause_message_id, cause_event, rule, dwell_seconds FROM transition"
            " WHERE sequence = 2"
        ) == [("m0002", "Demo Requested", "stages.evaluation.enter", 86_400.0)]


async def test_a_message_id_counts_once_within_a_batch_and_across_batches(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        first = w.event("Demo Requested", 1, account_id="acme", message_id="a")
        other_body = w.event("Contract Signed", 1, account_id="acme", message_id="a")

        await w.send(first, other_body)
        await w.send(other_body, first)

        assert await w.verdicts() == (1, 3, 0)
        assert await w.path("acme") == [(None, "evaluation")]
        assert await w.rows("SELECT touchpoints FROM subject") == [(1,)]


async def test_a_duplicate_with_another_body_links_no_names(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, anonymous_id="z", message_id="a"))
        await w.send(
            w.event("Blog Read", 0, anonymous_id="z", user_id="leah", message_id="a"),
            w.event("Blog Read", 2, user_id="leah", message_id="b"),
        )

        assert await w.verdicts() == (2, 1, 0)
        assert await w.rows("SELECT identifier, person_id FROM identifier ORDER BY 1") == [
            ("anonymous:z", "anonymous:z"),
            ("user:leah", "user:leah"),
        ]


async def test_an_event_that_comes_late_reads_as_if_it_had_come_in_time(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(w.event("Blog Read", 0, account_id="acme", message_id="a"))
        await w.send(w.event("Contract Signed", 5, account_id="acme", message_id="c"))
        await w.send(w.event("Demo Requested", 2, account_id="acme", message_id="b"))

        assert await w.path("acme") == [
            (None, "aware"),
            ("aware", "evaluation"),
            ("evaluation", "customer"),
        ]
        assert await w.rows(
            "SELECT from_stage, to_stage FROM transition WHERE superseded_at IS NOT NULL"
        ) == [("aware", "customer")]
        assert await w.rows("SELECT count(*) FROM transition") == [(4,)]
        assert await w.rows("SELECT type FROM outbox ORDER BY outbox_id DESC LIMIT 1") == [
            ("journey.stage.corrected",)
        ]


async def test_profiles_do_not_depend_on_the_order_of_arrival(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        newer = w.event(
            "Profile Updated",
            3,
            account_id="acme",
            user_id="leah",
            role="buyer",
            traits={"title": "CFO"},
            account_traits={"plan": "pro"},
            value=2.0,
        )
        older = w.event(
            "Profile Updated",
            1,
            account_id="acme",
            user_id="leah",
            role="user",
            traits={"title": "Analyst", "city": "Oslo"},
            account_traits={"plan": "free", "size": 5},
            value=1.0,
        )
        await w.send(newer)
        await w.send(older)

        rows = await w.rows("SELECT role, traits::text, first_seen_at FROM member")
        assert [(r[0], r[2]) for r in rows] == [("buyer", older.occurred_at)]
        assert msgspec.json.decode(rows[0][1]) == {"title": "CFO", "city": "Oslo"}
        rows = await w.rows("SELECT account_traits::text, value FROM subject")
        assert msgspec.json.decode(rows[0][0]) == {"plan": "pro", "size": 5}
        assert rows[0][1] == 2.0


async def test_poison_becomes_a_dead_letter_and_the_rest_goes_on(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        await w.send(
            b"no json",
            w.event("Demo Requested", 1, account_id="acme"),
            None,
            b'{"v": 2, "workspace_id": 1}',
        )

        assert await w.verdicts() == (1, 0, 3)
        assert await w.rows(
            "SELECT record_offset, reason, record_value, workspace_id FROM dead_letter ORDER BY 1"
        ) == [
            (0, "not_json", b"no json", 0),
            (2, "null_value", None, 0),
            (3, "unknown_version", b'{"v": 2, "workspace_id": 1}', 1),
        ]
        assert await w.stage("acme") == ("evaluation", "active", 1)


async def test_what_only_postgres_refuses_is_found_by_halving(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        events = [w.event("Blog Read", n, account_id=f"a{n}") for n in range(7)]
        records = w.records(events)
        decoded = decode_all(records, max_bytes=100_000)
        # A journey's own column is narrower than the wire: a value that only the database refuses.
        bad = w.event("Blog Read", 3, account_id="a3", message_id="bad", value=1.0)
        bad = msgspec.structs.replace(bad, workspace_id=2**40)
        decoded[3] = type(decoded[3])(decoded[3].record, bad)

        await w.store(decoded)

        assert await w.verdicts() == (6, 0, 1)
        assert await w.rows("SELECT record_offset, reason FROM dead_letter") == [
            (3, "refused_by_database")
        ]
        assert w.positions == {0: 7}


async def test_a_revived_stager_changes_nothing_twice(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        batch = decode_all(
            w.records([w.event("Demo Requested", 1, account_id="acme")]), max_bytes=100_000
        )
        stale = dict(w.positions)
        await w.store(batch)

        with pytest.raises(Fenced):
            await w.stager.writer.store(batch, {0: 0})
        with pytest.raises(Fenced):
            await w.stager.writer.store(
                decode_all(
                    w.records([w.event("Deal Lost", 2, account_id="acme")]), max_bytes=100_000
                ),
                {0: 17},
            )

        assert stale == {}
        assert await w.verdicts() == (1, 0, 0)
        assert await w.rows("SELECT count(*) FROM touchpoint") == [(1,)]


async def test_two_maps_run_at_once_on_account_and_person(database_url: str) -> None:
    async with world(database_url, SALES, HABIT) as w:
        await w.send(
            w.event("Signed In", 0, account_id="acme", user_id="leah"),
            w.event("Signed In", 1, account_id="acme", user_id="omar"),
            w.event("Signed In", 2, account_id="acme", user_id="leah"),
            w.event("Demo Requested", 3, user_id="leah"),
        )

        assert await w.stage("acme") == ("evaluation", "active", 1)
        assert await w.stage("user:leah", "habit") == ("regular", "active", 1)
        assert await w.stage("user:omar", "habit") == ("visitor", "active", 1)
        assert await w.stage("user:leah") is None
        assert await w.rows("SELECT subject_id, merged_into FROM subject ORDER BY 1") == [
            ("acme", None),
            ("user:leah", "acme"),
            ("user:omar", "acme"),
        ]


async def test_a_published_map_reaches_what_was_there_before(database_url: str) -> None:
    async with world(database_url) as w:
        await w.send(
            w.event("Demo Requested", 1, account_id="acme", user_id="leah"),
            w.event("Signed In", 2, account_id="acme", user_id="leah"),
            w.event("Signed In", 3, user_id="solo"),
        )
        assert await w.rows("SELECT count(*) FROM placement") == [(0,)]

        await w.publish(SALES)
        await w.publish(HABIT)
        await w.finish_jobs()

        assert await w.stage("acme") == ("evaluation", "active", 1)
        assert await w.stage("user:leah", "habit") == ("visitor", "active", 1)
        assert await w.stage("user:solo") == ("aware", "active", 1)
        assert await w.stage("user:solo", "habit") == ("visitor", "active", 1)
        assert await w.rows(
            "SELECT journey, done, total, finished_at FROM refold_job ORDER BY journey"
        ) == [("habit", 2, 2, START), ("sales", 2, 2, START)]


async def test_a_batch_that_cannot_be_applied_at_all_stops_the_stager(database_url: str) -> None:
    async with world(database_url, SALES) as w:
        writer = BatchWriter(w.stager.context, owner="test", most_unapplicable=5)
        w.stager = replace(w.stager, writer=writer)
        decoded = decode_all(
            w.records([w.event("Blog Read", n, account_id=f"a{n}") for n in range(64)]),
            max_bytes=100_000,
        )
        broken = [
            type(each)(each.record, msgspec.structs.replace(each.content, workspace_id=2**40))
            for each in decoded
            if isinstance(each.content, Envelope)
        ]

        with pytest.raises(FatalError, match="cannot be applied"):
            await w.store(broken)

        rows = await w.rows("SELECT count(*) FROM dead_letter")
        assert 5 < rows[0][0] < 12


async def test_records_of_one_source_that_cannot_be_applied_stop_no_other(
    database_url: str,
) -> None:
    async with world(database_url, SALES) as w:
        writer = BatchWriter(w.stager.context, owner="test", most_unapplicable=5)
        w.stager = replace(w.stager, writer=writer)
        decoded = decode_all(
            w.records(
                [w.event("Blog Read", n, account_id=f"a{n % 7}", source="web") for n in range(64)]
                + [w.event("Demo Requested", 99, account_id="acme", source="crm")]
            ),
            max_bytes=100_000,
        )
        broken = [
            type(each)(each.record, msgspec.structs.replace(each.content, workspace_id=2**40))
            if each.source == "web" and isinstance(each.content, Envelope)
            else each
            for each in decoded
        ]

        await w.store(broken)

        assert await w.rows("SELECT count(*) FROM dead_letter") == [(64,)]
        assert await w.stage("acme") == ("evaluation", "active", 1)
