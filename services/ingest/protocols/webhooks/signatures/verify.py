"""Checks a request by the scheme of its source's provider. Pure."""

from datetime import datetime

from services.ingest.protocols.webhooks.signatures import (
    hubspot,
    shared_secret,
    standard_webhooks,
    stripe,
)
from services.ingest.protocols.webhooks.signatures.request import Failure, SignedRequest, Verdict
from shared.sources.source import Source, SourceKind


def needs_url(source: Source) -> bool:
    """Whether the signature covers the public address of this service."""
    return source.kind is SourceKind.HUBSPOT and hubspot.needs_url(
        source.settings.hubspot_signatures
    )


def verify(  # noqa: PLR0911 - a table
    source: Source, signed: SignedRequest, *, now: datetime
) -> Verdict:
    """Check the signature by the secrets of `source`, all of which may be tried. Never raises.

    A source without a secret accepts no request.
    """
    secrets = [secret for secret in source.secrets if secret]
    match source.kind:
        case SourceKind.HUBSPOT:
            versions = source.settings.hubspot_signatures
            return hubspot.verify(signed, secrets, versions=versions, now=now)
        case SourceKind.STRIPE:
            return stripe.verify(signed, secrets, now=now)
        case SourceKind.STANDARD_WEBHOOKS:
            return standard_webhooks.verify(signed, secrets, now=now)
        case SourceKind.PIPEDRIVE:
            return shared_secret.verify_password(signed, secrets)
        case SourceKind.SALESFORCE:
            return shared_secret.verify(signed, secrets, takes_hub=False)
        case SourceKind.GENERIC:
            return shared_secret.verify(signed, secrets, takes_hub=True)
        case _:
            # Web and server sources have keys and receive no webhooks.
            return Failure.MISSING
