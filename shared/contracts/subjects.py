"""How people and companies are named inside Stageline.

A subject is whoever a journey is about. An account keeps the id that the customer gave it; a person
who is not known to belong to an account stands for itself under a prefixed id, so that a company
`42` and a user `42` never meet.
"""

from hashlib import blake2b

USER = "user:"
EMAIL = "email:"
ANONYMOUS = "anonymous:"
RESERVED_PREFIXES = (USER, EMAIL, ANONYMOUS)
"""An `account_id` may not begin with one of these; ingest refuses it."""


def person_ref(*, user_id: str | None, email: str | None, anonymous_id: str | None) -> str | None:
    """Strongest name of the person in an event, or None when it names no person.

    Strength: user id, then e-mail, then anonymous id. E-mail is compared case-insensitively.
    """
    if user_id:
        return USER + user_id
    if email:
        return EMAIL + email.strip().lower()
    if anonymous_id:
        return ANONYMOUS + anonymous_id
    return None


def is_person(subject_id: str) -> bool:
    """Whether a subject stands for a person rather than an account."""
    return subject_id.startswith(RESERVED_PREFIXES)


def partition_key(workspace_id: int, subject: str) -> bytes:
    """Key of the record in the event log: equal subjects land on one partition.

    Sixteen bytes of a hash and not the subject itself: no personal data in log keys
    (design section 4: the account if known, else the person).
    """
    return blake2b(f"{workspace_id}:{subject}".encode(), digest_size=16).digest()
