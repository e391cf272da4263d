"""What the documents of several protocols share."""

from services.ingest.protocols.common import strict_mode as strict
from shared.http.openapi import Json

STRICT_MODE: Json = {
    "name": strict.HEADER,
    "in": "header",
    "description": "`1` asks for a verdict for each event: 400 where one was refused. The others are"
    " stored all the same.",
    "schema": {"type": "string"},
}
