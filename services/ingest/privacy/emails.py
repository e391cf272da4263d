"""E-mail addresses in whatever text: in words, in links, in lists. Pure."""

import re
from urllib.parse import unquote

from services.ingest.privacy.nested import JsonValue
from shared.contracts.names import normal_email
from shared.json_values import strings

_ATOM = r"[^\s@%\"'`<>()\[\]{},;:=&?/#|\\]"
# With a plus sign as links write it, and an apostrophe inside of a name, where it opens no quotation.
_LOCAL = rf"{_ATOM}{{1,64}}+(?:(?:%2[Bb]|'){_ATOM}{{1,64}}+){{0,2}}+"
# Ends in a letter or digit: a full stop behind it is the sentence's. A pseudonym is nobody's domain.
_DOMAIN = r"(?!hmac1:)\w(?:[\w.-]{0,253}\w)?"
# Bounded, and never tried a second time: a text without end takes no longer than it is long.
ANY = re.compile(rf"{_LOCAL}(?:(?:@|%40){_DOMAIN})+")
"""An address as it is, or as the part of a link. A name of two `@` is matched as a whole."""


def may_be_in(text: str) -> bool:
    """Whether looking for an address is worth the while."""
    return "@" in text or "%40" in text


def found_in(value: JsonValue) -> set[str]:
    """All addresses in nested data, its keys too, in lower case."""
    return {
        normal_email(unquote(match[0]))
        for text in strings(value)
        if may_be_in(text)
        for match in ANY.finditer(text)
    }
