"""Where reading begins: stored offsets against what the log still has. Pure."""

from collections.abc import Mapping

from shared.errors import FatalError


def check_positions(
    topic: str, stored: Mapping[int, int], bounds: Mapping[int, tuple[int, int]]
) -> dict[int, int]:
    """Offset to begin at for each partition of `bounds`: the stored one, else the first kept.

    Raises FatalError when the log was recreated (stored beyond its end) or has lost records that were
    never read (stored below its start): skipping either in silence would break "nothing vanishes".
    """
    begin: dict[int, int] = {}
    for partition, (first, end) in bounds.items():
        offset = stored.get(partition, first)
        where = f"{topic}, partition {partition}: the stored offset {offset}"
        if offset > end:
            message = (
                f"{where} lies beyond the end of the log ({end}); "
                "the topic was made anew, or this is another log than the offsets are of"
            )
            raise FatalError(message)
        if offset < first:
            message = (
                f"{where} lies before the start of the log ({first}); "
                "records were removed before they were read"
            )
            raise FatalError(message)
        begin[partition] = offset
    return begin
