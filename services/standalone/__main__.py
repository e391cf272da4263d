"""`make run`: `program` loaded and run, so that Ctrl-C and SIGTERM end it cleanly from the start."""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Run until Ctrl-C or SIGTERM. Exit code 0 after a clean stop, 1 when it could not start."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        # Nothing has begun; an exception would come out of the midst of an import.
        os.write(sys.stdout.fileno(), b"\nStopped.\n")
        os._exit(0)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    # Imported here: it takes a second or more, in which a signal must find the handler.
    from services.standalone.program import run  # noqa: PLC0415

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
