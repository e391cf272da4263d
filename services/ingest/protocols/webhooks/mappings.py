"""Cache of compiled mappings, one a source."""

from typing import Any

import structlog

from shared.sources.mapping import CompiledMapping, MappingProblem, compile_mapping
from shared.sources.source import Source

log = structlog.get_logger(__name__)


class MappingCache:
    """Compiles the mapping of a source again when its settings have changed."""

    def __init__(self) -> None:
        self._compiled: dict[str, tuple[dict[str, Any], CompiledMapping | None]] = {}

    def of(self, source: Source) -> CompiledMapping | None:
        """The source's mapping; None without one, and for one that does not compile.

        The api compiles a mapping before it stores it: one that does not compile here was stored by
        another version.
        """
        document = source.settings.mapping
        if document is None:
            self._compiled.pop(source.source_id, None)
            return None
        entry = self._compiled.get(source.source_id)
        # Sources are read every few seconds: an equal mapping is mostly not the same object.
        if entry is not None and (entry[0] is document or entry[0] == document):
            return entry[1]
        compiled: CompiledMapping | None = None
        try:
            compiled = compile_mapping(document)
        except MappingProblem as exc:
            log.error("mapping_not_usable", source_id=source.source_id, error=str(exc))  # noqa: TRY400
        self._compiled[source.source_id] = (document, compiled)
        return compiled
