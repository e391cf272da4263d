"""Message ids of rows that have none."""

from hashlib import blake2b

from services.cli.importing.names import Occurrences, row_name


def test_the_columns_that_a_file_of_refused_rows_adds_are_no_part_of_a_rows_name() -> None:
    cells = {"user_id": "ann", "event": "home"}
    refused = cells | {"import_line": "7", "import_code": "x", "import_detail": "y"}

    assert row_name(cells, Occurrences()) == row_name(refused, Occurrences())


def test_every_content_is_counted_however_many_there_are() -> None:
    seen = Occurrences()
    digests = [blake2b(str(n).encode(), digest_size=16).digest() for n in range(30_000)]

    first = [seen.add(digest) for digest in digests]
    second = [seen.add(digest) for digest in digests]

    assert set(first) == {1}
    assert set(second) == {2}
    assert seen.add(digests[0]) == 3
