"""The object around the touchpoints of a beacon, which brings their key. Pure."""

import msgspec

from services.ingest.events import strict_json


class _Wrapped(msgspec.Struct, frozen=True):
    """A body with a key; `touchpoints` is parsed as the native protocol's."""

    write_key: str
    touchpoints: msgspec.Raw


_wrapped = msgspec.json.Decoder(_Wrapped)


def unwrapped(body: bytes) -> tuple[str | None, bytes]:
    """The key and the touchpoints of a wrapped body; None and the body itself for any other."""
    for repair in (bytes, strict_json.repaired):
        try:
            wrapped = _wrapped.decode(repair(body))
        except msgspec.ValidationError:
            break
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        return wrapped.write_key, bytes(wrapped.touchpoints)
    return None, body
