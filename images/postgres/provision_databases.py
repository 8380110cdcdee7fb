#!/opt/patroni/bin/python
"""Makes sure that every service has its role and its database. Run again, it changes only what differs.

Reads `<DATABASES_DIR>/<database>/username` and `password` (default /etc/storefront/databases) and connects to
PGHOST, PGPORT as PGUSER with the password in PGPASSWORD_FILE. Waits up to PROVISION_TIMEOUT seconds (300) for a
primary.
"""

import base64
import hashlib
import hmac
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

_RESERVED = ("postgres", "template0", "template1")
_RETRY_SECONDS = 1.0
# Any number will do, as long as every run takes the same.
_ADVISORY_LOCK = 5070716


class ConfigurationError(Exception):
    """What was mounted or set can't be used; trying again would not help."""


@dataclass(frozen=True)
class Database:
    """A database and the role that owns it."""

    name: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Database({self.name!r}, {self.username!r})"


def read_databases(folder: Path, superuser: str) -> list[Database]:
    """The wanted databases, by name. Raises ConfigurationError naming the file that can't be used."""
    # Kubernetes keeps the real files of a volume in folders whose names start with two dots.
    folders = sorted(path for path in folder.glob("*") if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise ConfigurationError(
            f"{folder} has no folder; expected one per database with username and password"
        )
    databases = [
        Database(path.name, _content(path / "username"), _content(path / "password")) for path in folders
    ]
    for database in databases:
        if database.name in _RESERVED:
            raise ConfigurationError(f"{folder / database.name}: a service's database can't be called that")
        if database.username in (superuser, *_RESERVED) or database.username.startswith("pg_"):
            raise ConfigurationError(
                f"{folder / database.name / 'username'}: {database.username!r} is not for a service; "
                "name a role of its own"
            )
    return databases


def _content(path: Path) -> str:
    try:
        content = path.read_text().removesuffix("\n")
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from error
    if not content:
        raise ConfigurationError(f"{path} is empty")
    return content


def verifies(verifier: str | None, password: str) -> bool:
    """Whether a stored SCRAM-SHA-256 verifier (pg_authid.rolpassword, RFC 5803) belongs to a password.

    False also for what can't be told, such as passwords that SASLprep would change: those are set anew.
    """
    try:
        method, iterations_and_salt, keys = (verifier or "").split("$")
        iterations, salt = iterations_and_salt.split(":")
        stored_key = base64.b64decode(keys.split(":")[0], validate=True)
        salted = hashlib.pbkdf2_hmac(
            "sha256", password.encode(), base64.b64decode(salt, validate=True), int(iterations)
        )
    except ValueError:
        return False
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return method == "SCRAM-SHA-256" and hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)


def provision(connection: psycopg.Connection, database: Database) -> list[str]:
    """Bring one role and its database to what is wanted; returns what was changed, for the log."""
    return [*_provision_role(connection, database), *_provision_database(connection, database)]


def _provision_role(connection: psycopg.Connection, database: Database) -> list[str]:
    role = sql.Identifier(database.username)
    found = connection.execute(
        "SELECT rolpassword, rolcanlogin FROM pg_authid WHERE rolname = %s", [database.username]
    ).fetchone()
    if found and found[1] and verifies(found[0], database.password):
        return []
    # The verifier is computed here, so that the password itself can't turn up in the server's log.
    verifier = connection.pgconn.encrypt_password(
        database.password.encode(), database.username.encode(), b"scram-sha-256"
    ).decode()
    statement = "ALTER ROLE {} LOGIN PASSWORD {}" if found else "CREATE ROLE {} LOGIN PASSWORD {}"
    connection.execute(sql.SQL(statement).format(role, sql.Literal(verifier)))
    return [f"password of role {database.username} set" if found else f"role {database.username} created"]


def _provision_database(connection: psycopg.Connection, database: Database) -> list[str]:
    name, owner = sql.Identifier(database.name), sql.Identifier(database.username)
    changes = []
    found = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database.name]
    ).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
        changes.append(f"database {database.name} created")
    elif found[0] != database.username:
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, owner))
        changes.append(f"owner of database {database.name} changed from {found[0]} to {database.username}")
    # 0 stands for PUBLIC; a database without an access list has the default one, which lets PUBLIC connect.
    open_to_all = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_database,"
        " aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl"
        " WHERE datname = %s AND acl.grantee = 0)",
        [database.name],
    ).fetchone()
    if open_to_all and open_to_all[0]:
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        changes.append(f"database {database.name} closed to other roles")
    return changes


def connect(superuser: str, password_file: Path) -> psycopg.Connection:
    """A connection to the primary; raises psycopg.OperationalError as long as there is none."""
    return psycopg.connect(
        host=os.environ.get("PGHOST", "localhost"),
        port=os.environ.get("PGPORT", "5432"),
        user=superuser,
        password=_content(password_file),
        dbname="postgres",
        application_name="provision-databases",
        target_session_attrs="read-write",
        connect_timeout=2,
        tcp_user_timeout=5000,
        autocommit=True,
        # CREATE DATABASE is the longest; a fail-over in between must not leave us waiting.
        options="-c statement_timeout=60s -c lock_timeout=30s",
    )


def run(superuser: str, password_file: Path, folder: Path) -> None:
    """One whole pass."""
    databases = read_databases(folder, superuser)
    with connect(superuser, password_file) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
        for database in databases:
            changes = provision(connection, database)
            log(f"{database.name}: {', '.join(changes) or 'up to date'}")


def main() -> int:
    """Exit code 0 when everything is as wanted, 1 when no primary answered in time, 2 on unusable input."""
    superuser = os.environ.get("PGUSER", "postgres")
    folder = Path(os.environ.get("DATABASES_DIR", "/etc/storefront/databases"))
    timeout = float(os.environ.get("PROVISION_TIMEOUT", "300"))
    deadline = time.monotonic() + timeout
    last_problem = ""
    while True:
        try:
            if "PGPASSWORD_FILE" not in os.environ:
                raise ConfigurationError(
                    "PGPASSWORD_FILE is not set; it names the file with PGUSER's password"
                )
            run(superuser, Path(os.environ["PGPASSWORD_FILE"]), folder)
            return 0
        except ConfigurationError as error:
            log(str(error))
            return 2
        except psycopg.OperationalError as error:
            problem = " ".join(str(error).split())
        if problem != last_problem:
            log(f"waiting for a primary: {problem}")
            last_problem = problem
        if time.monotonic() > deadline:
            log(f"no primary within {timeout:.0f} s; the last problem was: {last_problem}")
            return 1
        time.sleep(_RETRY_SECONDS)


def log(message: str) -> None:
    """One line; never holds a password."""
    print(f"provision-databases: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
