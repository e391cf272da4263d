"""E-mail addresses in any text: sentences, links, lists. Pure."""

import re
from urllib.parse import unquote

from services.ingest.privacy.nested import JsonValue
from shared.contracts.names import normal_email
from shared.json_values import strings

_ATOM = r"[^\s@%\"'`<>()\[\]{},;:=&?/#|\\]"
# An encoded plus sign, or an apostrophe inside of a name, where it opens no quotation.
_JOINED = rf"(?:(?:%2[Bb]|'){_ATOM}++){{0,2}}+"
_AT = r"(?:@|%40)"
# Ends in a letter or digit: a full stop after it ends the sentence. A pseudonym is not a domain.
_DOMAIN = r"(?!hmac1:)\w(?:[\w.-]{0,253}\w)?"
# Between a domain and the next `@`: a name that follows without a gap belongs to the match, as it could not
# begin one of its own.
_NEXT = rf"(?:{_ATOM}*+{_JOINED}(?={_AT}))?"
MORE = rf"(?:{_NEXT}{_AT}{_DOMAIN})*"
"""What may follow an address without a gap, as a pattern."""
# Time is linear in the text: a name begins where no character of a name stands before it, and is possessive;
# domains are bounded. A bound on names would leave the beginning of a longer one.
ANY = re.compile(rf"(?<!{_ATOM}){_ATOM}++{_JOINED}{_AT}{_DOMAIN}{MORE}")
"""An address, plain or percent-encoded. A name of two `@` is matched as a whole."""


def may_be_in(text: str) -> bool:
    """Whether the text may contain an address; False is certain."""
    return "@" in text or "%40" in text


def all_in(value: JsonValue) -> set[str]:
    """All addresses in nested data, its keys too, in lower case."""
    return {
        normal_email(unquote(match[0]))
        for text in strings(value)
        if may_be_in(text)
        for match in ANY.finditer(text)
    }
