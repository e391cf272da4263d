from shared.storage.connect import client_environ


def test_an_address_becomes_variables_that_no_process_list_shows() -> None:
    url = "postgresql://ann:s%2Fcret@db.example:6432/stageline?sslmode=require"

    assert client_environ(url) == {
        "PGHOST": "db.example",
        "PGPORT": "6432",
        "PGUSER": "ann",
        "PGPASSWORD": "s/cret",
        "PGDATABASE": "stageline",
        "PGSSLMODE": "require",
    }


def test_another_user_connects_through_the_socket_of_the_address() -> None:
    url = "postgresql://stageline_owner@/postgres?host=/run/stageline"

    assert client_environ(url, user="postgres") == {
        "PGHOST": "/run/stageline",
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
    }
