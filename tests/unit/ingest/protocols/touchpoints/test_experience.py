"""What an event says about how the customer fared: fields, words and scales."""

from typing import Any

import httpx
import pytest

from services.ingest.events.candidate import Candidate
from services.ingest.validation import Validated, shared_fields, validate
from shared.contracts import taxonomy
from shared.contracts.envelope import Campaign, Envelope
from shared.keys.principal import Principal
from tests.unit.ingest.conftest import NOW, ListLog


def admitted(principal: Principal, **fields: Any) -> Envelope:
    verdict = validate(
        Candidate(event="Survey Answered", user_id="leah", **fields),
        shared_fields(principal, NOW),
    )
    assert isinstance(verdict, Validated)
    return verdict.envelope


async def test_what_a_customer_said_is_kept_word_for_word(
    client: httpx.AsyncClient, bearer: dict[str, str], event_log: ListLog
) -> None:
    sent = {
        "event": "Call Logged",
        "account_id": "acme",
        "user_id": "leah",
        "thought": " This will not pass our security review. ",
        "question": "Where is our data kept?",
        "logged_by": "sam@stageline.example",
        "internal": True,
        "campaign": {"name": "spring", "source": "newsletter", "medium": "email", "term": None},
        "context": {"page": {"path": "/pricing"}},
    }

    answer = await client.post("/v1/touchpoints", json=sent, headers=bearer)

    assert answer.json() == {"accepted": 1, "rejected": []}
    [envelope] = event_log.envelopes
    assert envelope.thought == "This will not pass our security review."
    assert envelope.question == "Where is our data kept?"
    assert (envelope.logged_by, envelope.internal) == ("sam@stageline.example", True)
    assert envelope.campaign == Campaign(name="spring", source="newsletter", medium="email")
    assert envelope.context == {"page": {"path": "/pricing"}}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Unclear Pricing", "unclear pricing"),
        ("unclear_pricing", "unclear pricing"),
        (" slow-pages ", "slow pages"),
        ("Hidden guest checkout", "Hidden guest checkout"),
    ],
)
def test_a_known_friction_is_kept_in_one_form_and_an_unknown_one_as_it_is(
    principal: Principal, sent: str, kept: str
) -> None:
    assert admitted(principal, friction=sent).friction == kept


def test_a_known_emotion_is_kept_in_one_form(principal: Principal) -> None:
    assert admitted(principal, emotion="FRUSTRATED").emotion == "frustrated"
    assert admitted(principal, emotion="Peckish").emotion == "Peckish"


@pytest.mark.parametrize(
    ("survey", "score", "sentiment"),
    [
        ("nps", 0, 1), ("nps", 2, 1), ("nps", 3, 2), ("nps", 6, 2), ("nps", 7, 3), ("nps", 8, 3),
        ("nps", 9, 4), ("nps", 10, 5),
        ("csat", 1, 1), ("csat", 3, 3), ("csat", 4.5, 5), ("csat", 5, 5),
        ("ces", 1, 1), ("ces", 3, 2), ("ces", 4, 3), ("ces", 6, 4), ("ces", 7, 5),
        ("pulse", 2, 2), ("pulse", 5, 5),
    ],
)  # fmt: skip
def test_a_score_speaks_of_a_sentiment(
    principal: Principal, survey: Any, score: float, sentiment: int
) -> None:
    envelope = admitted(principal, survey=survey, score=score)

    assert (envelope.survey, envelope.score, envelope.sentiment) == (survey, score, sentiment)


def test_a_sentiment_that_is_sent_outweighs_the_score(principal: Principal) -> None:
    assert admitted(principal, survey="nps", score=10, sentiment=2).sentiment == 2


def test_a_survey_may_come_without_a_score(principal: Principal) -> None:
    envelope = admitted(principal, survey="pulse", thought="Too long, did not finish.")

    assert (envelope.survey, envelope.score, envelope.sentiment) == ("pulse", None, None)


def test_every_scale_has_a_sentiment_for_each_of_its_scores() -> None:
    for survey, (lowest, highest) in taxonomy.SURVEY_SCALES.items():
        tenths = range(lowest * 10, highest * 10 + 1)
        sentiments = [taxonomy.sentiment_of(survey, tenth / 10) for tenth in tenths]
        assert sentiments == sorted(sentiments)
        assert (sentiments[0], sentiments[-1]) == (1, 5)
