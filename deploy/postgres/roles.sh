#!/bin/sh
# Runs once, when the postgres image makes its data folder: one login for each service, none of them
# a superuser or an owner of tables but `stageline_owner`, which migrates.
set -eu

# psql reads the passwords from its environment, so that no process list shows them.
STAGELINE_OWNER_PASSWORD=$(cat "${STAGELINE_OWNER_PASSWORD_FILE:?}")
STAGELINE_INGEST_PASSWORD=$(cat "${STAGELINE_INGEST_PASSWORD_FILE:?}")
STAGELINE_STAGER_PASSWORD=$(cat "${STAGELINE_STAGER_PASSWORD_FILE:?}")
STAGELINE_API_PASSWORD=$(cat "${STAGELINE_API_PASSWORD_FILE:?}")
export STAGELINE_OWNER_PASSWORD STAGELINE_INGEST_PASSWORD STAGELINE_STAGER_PASSWORD STAGELINE_API_PASSWORD

psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet \
    --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-stageline}" <<'SQL'
\getenv owner_password STAGELINE_OWNER_PASSWORD
\getenv ingest_password STAGELINE_INGEST_PASSWORD
\getenv stager_password STAGELINE_STAGER_PASSWORD
\getenv api_password STAGELINE_API_PASSWORD

CREATE ROLE stageline_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE stageline_ingest LOGIN PASSWORD :'ingest_password' NOBYPASSRLS;
CREATE ROLE stageline_stager LOGIN PASSWORD :'stager_password' NOBYPASSRLS;
CREATE ROLE stageline_api LOGIN PASSWORD :'api_password' NOBYPASSRLS;

-- The owner may act as a service, for an operator's command that must see what the service sees.
GRANT stageline_ingest, stageline_stager, stageline_api TO stageline_owner;

SELECT format('ALTER DATABASE %I OWNER TO stageline_owner', current_database()) \gexec
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format(
    'GRANT CONNECT ON DATABASE %I TO stageline_ingest, stageline_stager, stageline_api',
    current_database()
) \gexec
SQL
