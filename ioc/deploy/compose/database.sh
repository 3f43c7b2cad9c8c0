# Once, when the database is made: a role for IOC that owns its own database and nothing else.
set -e
psql -v ON_ERROR_STOP=1 --username postgres -v password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE ioc LOGIN PASSWORD :'password';
CREATE DATABASE ioc OWNER ioc;
REVOKE CONNECT ON DATABASE ioc FROM PUBLIC;
SQL
