"""Names of people and accounts: their prefixes, the form in which they are stored, and when two are one.

A subject of a journey is an account or a person. An account keeps the id that the customer gave it. A
person that belongs to no account is a subject under a prefixed name, so that an account `42` and a
user `42` never meet.

There are two forms, and no others:

- The *stored* form (`normal`) is the key of every table. An e-mail address has no case; an id is kept
  as it was sent, or two people whose ids differ by case alone would become one.
- The *folded* form (`folded`) decides whether two names are the same person for suppression and erasure,
  where missing one is worse than one too many: an id that is an address has no case either.

`folded(normal(name)) == folded(name)` for every name, so both agree on what they are given.
"""

from hashlib import blake2b

USER = "user:"
EMAIL = "email:"
ANONYMOUS = "anonymous:"
RESERVED_PREFIXES = (USER, EMAIL, ANONYMOUS)
"""An `account_id` may not begin with one of these; ingest refuses it."""


def normal_email(address: str) -> str:
    """Form in which an e-mail address is stored and compared."""
    return address.strip().lower()


def is_address(value: str) -> bool:
    """Whether an id is taken for an e-mail address."""
    return "@" in value


def normal(name: str) -> str:
    """Stored form of a name: a person's with its prefix, or an account's id, which stays as it is."""
    return EMAIL + normal_email(name.removeprefix(EMAIL)) if name.startswith(EMAIL) else name


def folded_value(value: str) -> str:
    """Folded form of the part of a name behind its prefix."""
    value = value.strip()
    return value.lower() if is_address(value) else value


def folded(name: str) -> str:
    """Folded form of a person's name; equal for two names of one kind that are the same person's."""
    prefix, value = split(name)
    return prefix + (normal_email(value) if prefix == EMAIL else folded_value(value))


def split(name: str) -> tuple[str, str]:
    """Prefix and value of a person's name; an empty prefix for any other text."""
    for prefix in RESERVED_PREFIXES:
        if name.startswith(prefix):
            return prefix, name[len(prefix) :]
    return "", name


def email_of(name: str) -> str | None:
    """The e-mail name of an id that is an address, such as `email:ann@x.example` of `user:Ann@x.example`.

    None for any other name. Suppression and erasure of an address count wherever it stands.
    """
    prefix, value = split(folded(name))
    return EMAIL + value if prefix in {USER, ANONYMOUS} and is_address(value) else None


def is_person(name: str) -> bool:
    """Whether a subject is a person rather than an account."""
    return name.startswith(RESERVED_PREFIXES)


def person_names(*, user_id: str | None, email: str | None, anonymous_id: str | None) -> list[str]:
    """Stored names of the person in an event, strongest first: user id, e-mail, anonymous id."""
    of_person: list[str] = []
    if user_id:
        of_person.append(USER + user_id)
    if email and (address := normal_email(email)):
        of_person.append(EMAIL + address)
    if anonymous_id:
        of_person.append(ANONYMOUS + anonymous_id)
    return of_person


def person_ref(*, user_id: str | None, email: str | None, anonymous_id: str | None) -> str | None:
    """Strongest stored name of the person in an event, or None when the event names no person."""
    # Not the first of `person_names`: ingest calls it for every event, and a list costs twice that.
    if user_id:
        return USER + user_id
    if email and (address := normal_email(email)):
        return EMAIL + address
    return ANONYMOUS + anonymous_id if anonymous_id else None


def partition_key(workspace_id: int, subject: str) -> bytes:
    """Key of the record in the event log: equal subjects land on one partition.

    Sixteen bytes of a hash and not the subject itself: no personal data in log keys
    (docs/decisions/0001).
    """
    return blake2b(f"{workspace_id}:{subject}".encode(), digest_size=16).digest()
