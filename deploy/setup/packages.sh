#!/bin/sh
# Makes .venv and brings it to exactly one lock file: packages.sh PYTHON LOCK (PYTHON may be empty).
# Every package is checked against the hash in the lock; nothing is resolved here.
set -eu
wanted=$1
lock=$2

fail() {
    printf '\nStageline needs %s\n' "$1" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${wanted:-python3 python3.13 python3.12 python3.11}; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer: none of '${wanted:-python3 python3.13 python3.12 python3.11}' is one.
Install it, or name one that you have: make PYTHON=/path/to/python3.12 ..."
}

if ! is_new_enough .venv/bin/python; then
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "Python's venv module, which '$python' lacks; on Debian and Ubuntu: apt install python3-venv"
    echo "Making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi

echo "Installing the packages of $lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r requirements-bootstrap.lock
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes "$lock"
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
