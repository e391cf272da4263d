import pytest

from services.stager.errors import DataRejected
from services.stager.store.bulk import bulk


def test_text_travels_joined_and_null_apart_from_every_text() -> None:
    statement = bulk("INSERT INTO t SELECT * FROM {rows}", "int", "text", "float8", "text[]")

    separator, ints, texts, floats, arrays = statement.arguments(
        [(1, "a", 1.5, ""), (2, None, None, "x")]
    )

    assert (ints, floats, arrays) == ((1, 2), (1.5, None), ("", "x"))
    assert texts.split(separator) == ["a", separator[1:]]
    assert statement.sql == (
        "INSERT INTO t SELECT * FROM unnest($2::int[],"
        " string_to_array($3, $1, substr($1, 2)), $4::float8[], $5::text[])"
    )


def test_one_empty_text_is_refused_because_it_would_vanish() -> None:
    with pytest.raises(DataRejected):
        bulk("{rows}", "text").arguments([("",)])
