"""In which scope a message id counts once: by sender, by its word, by the erased person, by statement."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.decisions import decide
from services.ingest.events.candidate import Candidate, ForeignCandidate
from services.ingest.gatekeeper.rules import Sender, source_rules
from services.ingest.limits import Limits
from shared.contracts.envelope import Envelope
from shared.contracts.message_ids import as_sent
from shared.ids import DEFAULT_WORKSPACE
from shared.keys.principal import SCOPES_OF_KIND, Principal
from shared.keys.token import KeyKind
from shared.sources.source import WorkspaceRules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits()


def sender(kind: KeyKind, source_id: str | None, key_id: str = "key") -> Sender:
    principal = Principal(
        workspace_id=DEFAULT_WORKSPACE,
        key_id=key_id,
        kind=kind,
        scopes=SCOPES_OF_KIND[kind],
        source_id=source_id,
    )
    rules = source_rules(kind, None, WorkspaceRules(hash_key=b"key"), frozenset(), LIMITS)
    return Sender(principal, rules)


def stored(by: Sender, candidate: Candidate) -> Envelope:
    (envelope,) = decide([candidate], sender=by, received_at=NOW, limits=LIMITS).envelopes
    return envelope


def id_of(by: Sender, message_id: str | None = "1001", **fields: Any) -> str:
    event = Candidate(event="Order Placed", user_id="u", message_id=message_id, **fields)
    return stored(by, event).message_id


def erasure_id(by: Sender, message_id: str, **names: Any) -> str:
    request = ForeignCandidate(event="Erase", type="erase", message_id=message_id, **names)
    return stored(by, request).message_id


SENDERS = {
    "a page": sender(KeyKind.WRITE, "src_web"),
    "an app": sender(KeyKind.WRITE, "src_app"),
    "a write key": sender(KeyKind.WRITE, None),
    "a webhook of the page's source": sender(KeyKind.SECRET, "src_web"),
    "a webhook": sender(KeyKind.SECRET, "src_stripe"),
    "a secret key": sender(KeyKind.SECRET, None),
}


def test_one_id_of_different_senders_is_as_many_ids() -> None:
    assert len({id_of(each) for each in SENDERS.values()}) == len(SENDERS)
    assert {as_sent(id_of(each)) for each in SENDERS.values()} == {"1001"}


@pytest.mark.parametrize("by", SENDERS.values(), ids=SENDERS)
def test_a_retry_has_the_id_of_the_first_try(by: Sender) -> None:
    assert id_of(by) == id_of(by, " 1001 ")


@pytest.mark.parametrize("kind", KeyKind)
def test_a_new_key_of_the_same_trust_or_source_repeats_the_ids_of_the_old_one(
    kind: KeyKind,
) -> None:
    for source_id in (None, "src_app"):
        before, after = (sender(kind, source_id, key) for key in ("old", "new"))
        assert id_of(before) == id_of(after)


def test_an_id_in_the_form_of_another_senders_stays_the_senders_own() -> None:
    of_server, of_webhook = (id_of(SENDERS[each]) for each in ("a secret key", "a webhook"))
    squatted = {id_of(SENDERS["a page"], each) for each in (of_server, of_webhook)}

    assert not squatted & {of_server, of_webhook}


def test_a_prefix_of_a_provider_is_the_providers_in_its_own_scope_alone() -> None:
    ids = {id_of(each, "stripe:evt_1") for each in SENDERS.values()}

    assert len(ids) == len(SENDERS)


def test_a_sender_divides_its_own_scope_by_name_and_reaches_no_other() -> None:
    server = SENDERS["a secret key"]
    within = [id_of(server, message_id_scope=name) for name in ("billing", " billing ", "shop")]
    page = {id_of(SENDERS["a page"], message_id_scope=name) for name in ("billing", "shop")}

    assert within[0] == within[1] != within[2]
    assert id_of(server, message_id_scope=" ") == id_of(server) not in within
    assert not page & set(within)


def test_an_id_made_here_has_no_scope() -> None:
    made = id_of(SENDERS["a page"], None, message_id_scope="billing")

    assert as_sent(made) == made


def test_a_request_to_erase_another_person_is_another_request() -> None:
    server = SENDERS["a secret key"]
    ann = erasure_id(server, "request-17", email="ann@acme.example")
    again = erasure_id(server, "request-17", email=" Ann@Acme.example")
    bob = erasure_id(server, "request-17", email="bob@acme.example")

    assert ann == again != bob
    assert [as_sent(each) for each in (ann, bob)] == ["request-17"] * 2
    assert "ann" not in ann


def statement_id(message_id: str | None = "case-17", **said: Any) -> str:
    said = {"type": "alias", "user_id": "ann", "previous_names": ["email:ann@acme.example"], **said}
    said |= {"event": "Stated", "reason": "by phone", "message_id": message_id}
    return stored(SENDERS["a secret key"], ForeignCandidate(**said)).message_id


def test_one_case_of_an_operator_is_as_many_ids_as_it_has_statements() -> None:
    accounts = {"user_id": None, "previous_names": None, "account_id": "acme"}
    statements: list[dict[str, Any]] = [
        {},
        {"type": "unmerge"},
        {"user_id": "bob"},
        {"previous_names": ["email:bob@acme.example"]},
        accounts | {"type": "merge", "previous_account_id": "acme-old"},
        accounts | {"type": "merge", "previous_account_id": "acme-gmbh"},
        accounts | {"type": "unmerge", "previous_account_id": "acme-gmbh"},
    ]

    ids = [statement_id(**said) for said in statements]

    assert len(set(ids)) == len(statements)
    assert ids == [statement_id(**said) for said in statements]
    assert {as_sent(each) for each in ids} == {"case-17"}


def test_a_statement_in_another_spelling_is_the_same_statement() -> None:
    assert statement_id() == statement_id(
        previous_names=["email: Ann@Acme.example"], user_id=" ann "
    )


def test_the_id_of_a_statement_made_here_has_no_scope() -> None:
    made = statement_id(None)

    assert as_sent(made) == made
