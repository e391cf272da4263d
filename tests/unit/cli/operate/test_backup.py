from services.cli.operate.backup import client_environ


def test_an_address_becomes_variables_that_no_process_list_shows() -> None:
    url = "postgresql://ann:s%2Fcret@db.example:6432/stageline?sslmode=require"

    assert client_environ(url, as_superuser=False) == {
        "PGHOST": "db.example",
        "PGPORT": "6432",
        "PGUSER": "ann",
        "PGPASSWORD": "s/cret",
        "PGDATABASE": "stageline",
        "PGSSLMODE": "require",
    }


def test_the_embedded_database_is_dumped_by_its_superuser_through_its_socket() -> None:
    url = "postgresql://stageline_owner@/postgres?host=/run/stageline"

    assert client_environ(url, as_superuser=True) == {
        "PGHOST": "/run/stageline",
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
    }
