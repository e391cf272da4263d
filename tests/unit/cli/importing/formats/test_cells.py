"""Names of columns."""

from services.cli.importing.formats.cells import column_names


def test_columns_without_a_name_or_with_a_used_one_get_unique_names() -> None:
    assert column_names([" a ", "", "a", "a", "a 2"]) == ("a", "column 2", "a 2", "a 3", "a 2 2")
