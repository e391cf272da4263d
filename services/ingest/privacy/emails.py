"""E-mail addresses in any text: sentences, links, lists. Pure."""

import re
from urllib.parse import unquote

from services.ingest.privacy.nested import JsonValue
from shared.contracts.names import normal_email
from shared.json_values import strings

_ATOM = r"[^\s@%\"'`<>()\[\]{},;:=&?/#|\\]"
# With an encoded plus sign, and an apostrophe inside of a name, where it opens no quotation.
_LOCAL = rf"{_ATOM}{{1,64}}+(?:(?:%2[Bb]|'){_ATOM}{{1,64}}+){{0,2}}+"
# Ends in a letter or digit: a full stop after it ends the sentence. A pseudonym is not a domain.
_DOMAIN = r"(?!hmac1:)\w(?:[\w.-]{0,253}\w)?"
# Bounded and possessive, without backtracking: time is linear in the text.
ANY = re.compile(rf"{_LOCAL}(?:(?:@|%40){_DOMAIN})+")
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
