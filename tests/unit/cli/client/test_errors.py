import asyncpg
import httpx
import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.cli.client.errors import sentence
from shared.errors import FatalError, LogUnavailable


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FatalError("port 8080 is not free"), "port 8080 is not free"),
        (LogUnavailable(), "acknowledgement"),
        (ExceptionGroup("tasks", [ExceptionGroup("more", [FatalError("inner")])]), "inner"),
        (httpx.ConnectError("refused"), "is Stageline running"),
        (FileNotFoundError(2, "No such file or directory", "map.yaml"), "map.yaml: No such file"),
        (ConnectionRefusedError(111, "Connection refused"), "cannot connect"),
        (asyncpg.AdminShutdownError("bye"), "the database does not answer"),
        (asyncpg.InterfaceError("connection is closed"), "the database does not answer"),
        (asyncpg.UndefinedTableError("no table x"), "the database refused: no table x"),
        (PoolTimeout(), "the database is too busy"),
    ],
    ids=[
        "ours",
        "ours without words",
        "in groups",
        "http",
        "file",
        "socket",
        "shut down",
        "closed",
        "refused",
        "busy",
    ],
)
def test_an_expected_error_becomes_a_sentence(error: BaseException, words: str) -> None:
    assert words in (sentence(error) or "")


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    assert sentence(KeyError("bug")) is None
