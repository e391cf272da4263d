"""Statements and conflicts as responses."""

from collections.abc import Mapping

from services.api.identity.statements import EXPLICIT, Statement
from services.api.queries.identity.conflicts import Refused
from services.api.schemas.identity import people as schemas
from shared.contracts.message_ids import as_sent

Authors = Mapping[str, tuple[str | None, str | None]]
"""Author and reason by stored message id."""


def statement(each: Statement, authors: Authors) -> schemas.Statement:
    """One statement; who said it and why, only of explicit ones."""
    is_explicit = each.kind == EXPLICIT
    logged_by, reason = authors.get(each.message_id, (None, None)) if is_explicit else (None, None)
    return schemas.Statement(
        kind=each.kind,
        name=each.name,
        other=each.other,
        occurred_at=each.occurred_at,
        message_id=as_sent(each.message_id),
        logged_by=logged_by,
        reason=reason,
    )


def conflict(each: Refused, authors: Authors) -> schemas.Conflict:
    """One statement that joined nothing, with the reason."""
    return schemas.Conflict(
        statement=statement(each.statement, authors),
        person_id=each.person_id,
        other_person_id=each.other_person_id,
        why=each.why,
    )
