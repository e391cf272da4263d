"""Gets what the tests run on: `python -m tests.support.prepare`, before they begin.

A download within a test, or within its fixtures, would count against the test's time limit. A part that
cannot be had is named here; the tests that need it skip, or fail where CI=true.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from deploy.dev import kafka
from shared.errors import FatalError
from tests.support import machine, promtool, proxies


def main() -> None:
    """Get all parts, those by apt one after the other; ten minutes at most for each."""
    parts: dict[str, Callable[[], object]] = {
        "packages of Node": machine.prepare_node_sdks,
        "jars of Kafka": kafka.prepare,
        "Chromium": machine.prepare_chromium,
        **{program: partial(proxies.find, program) for program in proxies.PACKAGES},
        "promtool": promtool.find,
    }
    with ThreadPoolExecutor(len(parts)) as threads:
        under_way = {name: threads.submit(get) for name, get in parts.items()}
        for name, part in under_way.items():
            try:
                path = part.result()
            except FatalError as exc:
                sys.stderr.write(f"{name}: {exc}\n")
            else:
                if path is None:
                    sys.stderr.write(f"{name}: cannot be had on this machine\n")


if __name__ == "__main__":
    main()
