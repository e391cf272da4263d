"""The one builder of responses in the OpenAPI document."""

from services.ingest.http import response
from services.ingest.http.rejections import RequestRejected, retry_later
from services.ingest.protocols.common.document import as_components, responses

STORED = {"200": {"description": "Stored."}}
TOO_LARGE = RequestRejected(413, "body_too_large", "Send several.")
BROKEN = RequestRejected(400, "broken_encoding", "Compress once.")
EMPTY = RequestRejected(400, "empty_body", "Send events.")


def test_errors_are_grouped_by_status_and_named_by_code() -> None:
    described = responses(STORED, [TOO_LARGE, BROKEN, EMPTY])

    content = described["400"]["content"]["application/problem+json"]
    assert list(described) == ["200", "400", "413", "500"]
    assert list(content["examples"]) == ["broken_encoding", "empty_body"]
    assert content["examples"]["empty_body"]["value"]["detail"] == "Send events."


def test_headers_are_those_that_a_response_sends() -> None:
    described = responses(STORED, [retry_later("busy", "Try again."), EMPTY])

    assert list(described["503"]["headers"]) == ["Retry-After"]
    assert "headers" not in described["400"]


def test_one_status_may_have_a_schema_of_its_own() -> None:
    described = responses(STORED, [EMPTY, TOO_LARGE], schemas={413: "TooLarge"})

    schemas = {
        status: described[status]["content"]["application/problem+json"]["schema"]["$ref"]
        for status in ("400", "413")
    }
    assert schemas == {
        "400": "#/components/schemas/Problem",
        "413": "#/components/schemas/TooLarge",
    }


def test_a_protocol_with_its_own_form_of_errors_describes_them_in_its_own_words() -> None:
    own = response.json(400, {"code": "empty_body", "message": "Send events."})

    described = responses(STORED, [own], schema="SegmentError", phrases={400: "It cannot be read."})

    assert described["400"] == {
        "description": "It cannot be read.",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/SegmentError"},
                "examples": {
                    "empty_body": {"value": {"code": "empty_body", "message": "Send events."}}
                },
            }
        },
    }


def test_shared_responses_become_components_that_calls_refer_to() -> None:
    components, references = as_components("Segment", STORED)

    assert components == {"Segment200": STORED["200"]}
    assert references == {"200": {"$ref": "#/components/responses/Segment200"}}
