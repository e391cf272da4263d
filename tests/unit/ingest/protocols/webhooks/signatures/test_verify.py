"""Signatures of webhooks: published vectors, the providers' own libraries, and everything forged."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from services.ingest.protocols.webhooks.signatures import hubspot
from services.ingest.protocols.webhooks.signatures.request import Failure, SignedRequest, Verified
from services.ingest.protocols.webhooks.signatures.verify import verify
from shared.sources.source import Source, SourceKind
from tests.unit.ingest.conftest import NOW
from tests.unit.ingest.protocols.webhooks import senders
from tests.unit.ingest.protocols.webhooks.senders import BASE_URL, SHARED_SECRET, path, source

BODY = b'[{"eventId":1}]'
KINDS = [kind for kind in SourceKind if kind not in (SourceKind.WEB, SourceKind.SERVER)]
TIMED = [SourceKind.HUBSPOT, SourceKind.STRIPE, SourceKind.STANDARD_WEBHOOKS]
WINDOW = timedelta(seconds=300)
SECOND = timedelta(seconds=1)


def request(
    of: Source, headers: dict[str, str], *, body: bytes = BODY, query: str = ""
) -> SignedRequest:
    return SignedRequest(
        method="POST",
        url=f"{BASE_URL}{path(of)}{query}",
        query=query.removeprefix("?").encode(),
        headers=[
            (name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()
        ],
        body=body,
    )


# -- published vectors -----------------------------------------------------------------------------

VECTOR_V1 = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,'
    b'"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
)


@pytest.mark.parametrize(
    ("version", "method", "url", "body", "signature"),
    [
        ("v1", "POST", "", VECTOR_V1, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"),
        (
            "v2", "GET", "https://www.example.com/webhook_uri", b"",
            "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e",
        ),
        (
            "v2", "POST", "https://www.example.com/webhook_uri", b'{"example_field":"example_value"}',
            "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
        ),
    ],
)  # fmt: skip
def test_hubspots_published_vectors_hold(
    version: str, method: str, url: str, body: bytes, signature: str
) -> None:
    signed = SignedRequest(
        method=method,
        url=url,
        query=b"",
        headers=[
            (b"x-hubspot-signature", signature.encode()),
            (b"x-hubspot-signature-version", version.encode()),
        ],
        body=body,
    )
    secrets = [senders.HUBSPOT_SECRET.encode()]

    assert hubspot.verify(signed, secrets, versions=(version,), now=NOW) == Verified()
    assert hubspot.verify(signed, secrets, versions=("v3",), now=NOW) is Failure.MISSING
    assert hubspot.verify(signed, [b"other"], versions=(version,), now=NOW) is Failure.WRONG


def test_hubspot_decodes_twelve_escapes_of_the_address_and_no_others() -> None:
    of = source(SourceKind.HUBSPOT)
    query = f"?a={quote(':/?@!$', safe='')}{quote(chr(39) + '()*,;', safe='').lower()}%20%25%2B"
    decoded = "?a=:/?@!$'()*,;%20%25%2B"
    headers = senders.hubspot(of, BODY, query=decoded)

    assert verify(of, request(of, headers, query=query), now=NOW) == Verified()


def test_hubspots_v1_beside_v3_does_not_open_a_source_that_takes_v3() -> None:
    of = source(SourceKind.HUBSPOT)

    assert verify(of, request(of, senders.hubspot_v1(BODY)), now=NOW) is Failure.MISSING


def test_an_older_version_counts_where_the_source_names_it() -> None:
    of = source(SourceKind.HUBSPOT, hubspot_signatures=("v1",))

    assert verify(of, request(of, senders.hubspot_v1(BODY)), now=NOW) == Verified()


# -- every scheme ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_provider_signs_is_believed(kind: SourceKind) -> None:
    of = source(kind)

    verdict = verify(of, request(of, dict(senders.signed(of, BODY))), now=NOW)

    is_named = kind is SourceKind.STANDARD_WEBHOOKS
    assert verdict == Verified(delivery_id="msg_1" if is_named else None)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_signature_no_request_is_accepted(kind: SourceKind) -> None:
    of = source(kind)

    assert verify(of, request(of, {}), now=NOW) is Failure.MISSING


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_without_a_secret_accepts_no_request(kind: SourceKind) -> None:
    of = source(kind)
    bare = source(kind, secrets=("",))
    headers = dict(senders.signed(of, BODY))

    assert verify(bare, request(of, headers), now=NOW) is Failure.WRONG


@pytest.mark.parametrize("kind", KINDS)
def test_the_secret_of_another_source_does_not_help(kind: SourceKind) -> None:
    other = source(kind, secrets=("whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI=",))

    headers = dict(senders.signed(other, BODY))

    assert verify(other, request(other, headers), now=NOW) is Failure.WRONG


@pytest.mark.parametrize("kind", KINDS)
def test_of_several_secrets_any_counts(kind: SourceKind) -> None:
    current = senders.SECRETS.get(kind, SHARED_SECRET)
    of = source(kind, secrets=("whsec_bmV3ZXIgbmV3ZXIgbmV3ZXIgbmV3ZXI=", current))

    verdict = verify(of, request(of, dict(senders.signed(of, BODY))), now=NOW)

    assert isinstance(verdict, Verified)


@pytest.mark.parametrize("kind", TIMED)
def test_a_changed_body_is_not_believed(kind: SourceKind) -> None:
    of = source(kind)
    headers = dict(senders.signed(of, BODY))

    assert verify(of, request(of, headers, body=BODY + b" "), now=NOW) is Failure.WRONG


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize(
    ("off", "expected"),
    [
        (-WINDOW, Verified),
        (-WINDOW - SECOND, Failure),
        (WINDOW, Verified),
        (WINDOW + SECOND, Failure),
        (timedelta(days=36500), Failure),
    ],
)
def test_the_time_counts_within_five_minutes_both_ways(
    kind: SourceKind, off: timedelta, expected: type
) -> None:
    of = source(kind)
    headers = dict(senders.signed(of, BODY, at=NOW + off))

    verdict = verify(of, request(of, headers), now=NOW)

    assert isinstance(verdict, expected)
    assert expected is Verified or verdict is Failure.EXPIRED


HOSTILE = [
    "", " ", "ä", "\xff\xfe", "=", ",", "v1", "t=", "t=1", "v1,", "v1,%%%%", "t=x,v1=y",
    "t=1,t=2,v1=y", "t=99999999999999999999999,v1=aa", "t=-1,v1=aa", "A" * 100_000, "v1," * 10_000,
    "Basic", "Basic ====", "Basic w6TDtg==", "Bearer", "sha256=", "sha256=\xe4", "t=1e3,v1=aa",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", HOSTILE)
def test_no_header_confuses_a_check(kind: SourceKind, value: str) -> None:
    of = source(kind, hubspot_signatures=("v1", "v2", "v3"))
    names = [*senders.signed(of, BODY), "Authorization", "X-Hub-Signature-256", "X-Hub-Signature"]
    names += ["X-HubSpot-Signature", "X-HubSpot-Signature-Version"]
    good = dict(senders.signed(of, BODY))

    for name in names:
        headers = {**good, name: value}
        if name in good:
            assert isinstance(verify(of, request(of, headers), now=NOW), Failure), name
        verify(of, request(of, dict.fromkeys(names, value)), now=NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_comes_twice_is_not_believed(kind: SourceKind) -> None:
    of = source(kind)
    one = request(of, dict(senders.signed(of, BODY)))
    twice = SignedRequest(
        method="POST", url=one.url, query=b"", headers=[*one.headers, *one.headers], body=BODY
    )

    assert verify(of, twice, now=NOW) is Failure.MALFORMED


# -- single schemes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("{t},v1=00,{good},v1=11", Verified),
        ("{t},v0={bare}", Failure),
        ("{good},{t}", Verified),
        ("{t},v1={upper}", Failure),
    ],
)
def test_stripe_takes_any_of_several_signatures_of_its_scheme(header: str, expected: type) -> None:
    of = source(SourceKind.STRIPE)
    t, good, _ = senders.by_stripe(BODY)["Stripe-Signature"].split(",")
    bare = good.removeprefix("v1=")
    value = header.format(t=t, good=good, bare=bare, upper=bare.upper())

    assert isinstance(verify(of, request(of, {"Stripe-Signature": value}), now=NOW), expected)


def test_standard_webhooks_signs_its_id_and_svix_has_its_own_names() -> None:
    of = source(SourceKind.STANDARD_WEBHOOKS)
    headers = senders.standard(BODY, message_id="msg_7")
    renamed = {name.replace("webhook-", "svix-"): value for name, value in headers.items()}
    rotated = {**headers, "webhook-signature": f"v1a,AAAA v1,BBBB {headers['webhook-signature']}"}
    swapped = {**headers, "webhook-id": "msg_8"}

    assert verify(of, request(of, renamed), now=NOW) == Verified(delivery_id="msg_7")
    assert verify(of, request(of, rotated), now=NOW) == Verified(delivery_id="msg_7")
    assert verify(of, request(of, swapped), now=NOW) is Failure.WRONG


@pytest.mark.parametrize("kind", [SourceKind.GENERIC, SourceKind.SALESFORCE])
@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"X-Stageline-Secret": SHARED_SECRET}, ""),
        ({"Authorization": f"Bearer {SHARED_SECRET}"}, ""),
        (senders.basic("anybody", SHARED_SECRET), ""),
        ({"X-Stageline-Secret": SHARED_SECRET}, f"?secret={quote(SHARED_SECRET)}"),
    ],
)
def test_a_shared_secret_may_stand_in_several_places(
    kind: SourceKind, headers: dict[str, str], query: str
) -> None:
    of = source(kind)

    assert verify(of, request(of, headers, query=query), now=NOW) == Verified()


@pytest.mark.parametrize("kind", [SourceKind.GENERIC, SourceKind.SALESFORCE])
def test_a_secret_in_the_query_alone_is_marked_as_such(kind: SourceKind) -> None:
    of = source(kind)

    verdict = verify(of, request(of, {}, query=f"?x=1&secret={quote(SHARED_SECRET)}"), now=NOW)

    assert verdict == Verified(is_by_address=True)


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_a_hub_signature_opens_a_generic_source_alone(algorithm: str) -> None:
    import hmac  # noqa: PLC0415 - only here

    digest = hmac.digest(SHARED_SECRET.encode(), BODY, algorithm).hex()
    name = "X-Hub-Signature-256" if algorithm == "sha256" else "X-Hub-Signature"
    headers = {name: f"{algorithm}={digest}"}
    generic, salesforce = source(SourceKind.GENERIC), source(SourceKind.SALESFORCE)

    assert verify(generic, request(generic, headers), now=NOW) == Verified()
    assert verify(generic, request(generic, headers, body=b"{}"), now=NOW) is Failure.WRONG
    assert isinstance(verify(salesforce, request(salesforce, headers), now=NOW), Failure)


def test_pipedrives_secret_is_the_password_or_user_and_password() -> None:
    of = source(SourceKind.PIPEDRIVE, secrets=("me:pass:word", "alone"))

    def verdict(headers: dict[str, str]) -> object:
        return verify(of, request(of, headers), now=NOW)

    assert verdict(senders.basic("me", "pass:word")) == Verified()
    assert verdict(senders.basic("anybody", "alone")) == Verified()
    assert verdict(senders.basic("you", "pass:word")) is Failure.WRONG
    assert verdict({"Authorization": "Bearer alone"}) is Failure.MALFORMED
