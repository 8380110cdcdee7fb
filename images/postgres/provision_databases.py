#!/opt/patroni/bin/python
"""Makes sure that every service has its database and can log in. Run again, it changes only what differs.

Reads `<DATABASES_DIR>/<database>/<any name>/username` and `password`, one folder per login (default
/etc/storefront/databases), and connects to PGHOST, PGPORT as PGUSER with the password in PGPASSWORD_FILE. Waits up to
PROVISION_TIMEOUT seconds (300) for a primary. On a server that somebody else runs, PGUSER need not be a superuser: it
may create roles and databases; the password may be in PGPASSWORD. With SERVER_IS_OURS=true the databases that every
server has are closed to the services.

A database belongs to a role that cannot log in, `<database>-owner`. The logins are members of it and act as it, so
what one has made is the other's too: credentials change by a second login next to the first. A login that is no
longer given is closed, and its sessions end.
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
# What every cluster has, and everybody may connect to at first; template0 takes no connections.
_COMMON_DATABASES = ("postgres", "template1")
_RETRY_SECONDS = 1.0
_LOGIN_MARK = "storefront: login of database "
# Any number will do, as long as every run takes the same.
_ADVISORY_LOCK = 5070716


class ConfigurationError(Exception):
    """What was mounted or set can't be used; trying again would not help."""


@dataclass(frozen=True)
class Login:
    """A role that a service logs in with."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.username!r})"


@dataclass(frozen=True)
class Database:
    """A database and who may use it."""

    name: str
    logins: tuple[Login, ...]

    @property
    def owner(self) -> str:
        """The role that everything in the database belongs to."""
        return f"{self.name}-owner"


def read_databases(folder: Path, superuser: str) -> list[Database]:
    """The wanted databases, by name. Raises ConfigurationError naming the file that can't be used."""
    databases = [Database(path.name, tuple(map(_read_login, _folders(path)))) for path in _folders(folder)]
    if not databases:
        raise ConfigurationError(
            f"{folder} has no folder; expected one per database, with a folder per login in it"
        )
    for database in databases:
        if database.name in _RESERVED:
            raise ConfigurationError(f"{folder / database.name}: a service's database can't be called that")
        if not database.logins:
            raise ConfigurationError(
                f"{folder / database.name} has no folder; expected one per login with username and password"
            )
        for login in database.logins:
            if login.username in (superuser, *_RESERVED, database.owner) or login.username.startswith("pg_"):
                raise ConfigurationError(
                    f"{folder / database.name}: {login.username!r} is not for a service; name a role of its own"
                )
    return databases


def _folders(folder: Path) -> list[Path]:
    # Kubernetes keeps the real files of a volume in folders whose names start with two dots.
    return sorted(path for path in folder.glob("*") if path.is_dir() and not path.name.startswith("."))


def _read_login(folder: Path) -> Login:
    return Login(_content(folder / "username"), _content(folder / "password"))


def superuser_password() -> str:
    """PGUSER's. Raises ConfigurationError."""
    if "PGPASSWORD_FILE" in os.environ:
        return _content(Path(os.environ["PGPASSWORD_FILE"]))
    if os.environ.get("PGPASSWORD"):
        return os.environ["PGPASSWORD"]
    raise ConfigurationError("PGPASSWORD_FILE is not set; it names the file with PGUSER's password")


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
    """Bring one database and its roles to what is wanted; returns what was changed, for the log."""
    return [
        *_provision_owner(connection, database),
        *_provision_database(connection, database),
        *(change for login in database.logins for change in _provision_login(connection, database, login)),
        *_hand_over(connection, database, [login.username for login in database.logins]),
        *(change for login in database.logins for change in _act_as_owner(connection, database, login)),
        *_retire(connection, database),
    ]


def _provision_owner(connection: psycopg.Connection, database: Database) -> list[str]:
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [database.owner]).fetchone():
        return []
    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(database.owner)))
    _join(connection, database.owner)
    return [f"role {database.owner} created"]


def _provision_database(connection: psycopg.Connection, database: Database) -> list[str]:
    changes = []
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database.name]).fetchone():
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(statement.format(sql.Identifier(database.name), sql.Identifier(database.owner)))
        changes.append(f"database {database.name} created")
    return [*changes, *close(connection, database.name)]


def _provision_login(connection: psycopg.Connection, database: Database, login: Login) -> list[str]:
    role = sql.Identifier(login.username)
    changes = []
    # Who is no superuser can't see what the password is: then it is set anew, which changes nothing for who uses it.
    found = connection.execute(
        "SELECT rolpassword, rolcanlogin FROM pg_authid WHERE rolname = %s"
        if _is_superuser(connection)
        else "SELECT NULL, rolcanlogin FROM pg_roles WHERE rolname = %s",
        [login.username],
    ).fetchone()
    if not found or not found[1] or not verifies(found[0], login.password):
        # The verifier is computed here, so that the password itself can't turn up in the server's log.
        verifier = connection.pgconn.encrypt_password(
            login.password.encode(), login.username.encode(), b"scram-sha-256"
        ).decode()
        statement = "ALTER ROLE {} LOGIN PASSWORD {}" if found else "CREATE ROLE {} LOGIN PASSWORD {}"
        connection.execute(sql.SQL(statement).format(role, sql.Literal(verifier)))
        changes.append(
            f"password of role {login.username} set" if found else f"role {login.username} created"
        )
    if not connection.execute(
        "SELECT 1 FROM pg_auth_members"
        " WHERE roleid = quote_ident(%s)::regrole AND member = quote_ident(%s)::regrole",
        [database.owner, login.username],
    ).fetchone():
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(database.owner), role))
        changes.append(f"role {login.username} is a member of {database.owner}")
    return changes


def _is_superuser(connection: psycopg.Connection) -> bool:
    return (
        connection.execute("SELECT 1 FROM pg_roles WHERE rolname = current_user AND rolsuper").fetchone()
        is not None
    )


def _join(connection: psycopg.Connection, role: str) -> None:
    """Be a member of a role: what a superuser may do to its objects and sessions, others may only as that."""
    if not _is_superuser(connection):
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def _hand_over(connection: psycopg.Connection, database: Database, names: list[str]) -> list[str]:
    """Whatever a login owns, from before there was an owner or made after RESET ROLE, becomes the owner's."""
    owning = connection.execute(
        "SELECT DISTINCT rolname FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid"
        " WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND rolname = ANY(%s)"
        " AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = %s)) ORDER BY rolname",
        [names, database.name],
    ).fetchall()
    if not owning:
        return []
    for (name,) in owning:
        _join(connection, name)
    with psycopg.connect(
        connection.info.dsn, password=connection.info.password, dbname=database.name
    ) as inside:
        for (name,) in owning:
            statement = sql.SQL("REASSIGN OWNED BY {} TO {}")
            inside.execute(statement.format(sql.Identifier(name), sql.Identifier(database.owner)))
    return [f"what role {name} owned is {database.owner}'s" for (name,) in owning]


def _act_as_owner(connection: psycopg.Connection, database: Database, login: Login) -> list[str]:
    """Every session of a login begins with SET ROLE; last of all, when everything is the owner's already."""
    mark = f"{_LOGIN_MARK}{database.name}"
    found = connection.execute(
        "SELECT 'role=' || %s = ANY(rolconfig), shobj_description(oid, 'pg_authid') = %s"
        " FROM pg_roles WHERE rolname = %s",
        [database.owner, mark, login.username],
    ).fetchone()
    if found == (True, True):
        return []
    role = sql.Identifier(login.username)
    with connection.transaction():
        connection.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(role, sql.Literal(database.owner)))
        connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(role, sql.Literal(mark)))
    return [f"role {login.username} acts as {database.owner}"]


def _retire(connection: psycopg.Connection, database: Database) -> list[str]:
    """Close the logins that this program has made for the database and that are not wanted any more."""
    names = [login.username for login in database.logins]
    retired = connection.execute(
        "SELECT rolname, rolcanlogin FROM pg_roles"
        " WHERE shobj_description(oid, 'pg_authid') = %s AND rolname <> ALL(%s) ORDER BY rolname",
        [f"{_LOGIN_MARK}{database.name}", names],
    ).fetchall()
    changes = []
    for name, can_login in retired:
        if can_login:
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(name)))
            changes.append(f"role {name} closed")
        _join(connection, name)
        # After the role is closed: who comes later is refused, who was there already is sent away.
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s", [name]
        ).fetchone()
        if ended and ended[0]:
            changes.append(f"{ended[0]} sessions of role {name} ended")
    return [*changes, *_hand_over(connection, database, [name for name, _ in retired])]


def close(connection: psycopg.Connection, database: str) -> list[str]:
    """Let nobody into a database but its owner and superusers; returns what was changed."""
    # 0 stands for PUBLIC; a database without an access list has the default one, which lets PUBLIC connect.
    open_to_all = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_database,"
        " aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl"
        " WHERE datname = %s AND acl.grantee = 0)",
        [database],
    ).fetchone()
    if not open_to_all or not open_to_all[0]:
        return []
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    return [f"database {database} closed to other roles"]


def connect(superuser: str, password: str) -> psycopg.Connection:
    """A connection to the primary; raises psycopg.OperationalError as long as there is none."""
    return psycopg.connect(
        host=os.environ.get("PGHOST", "localhost"),
        port=os.environ.get("PGPORT", "5432"),
        user=superuser,
        password=password,
        dbname="postgres",
        application_name="provision-databases",
        target_session_attrs="read-write",
        connect_timeout=2,
        tcp_user_timeout=5000,
        autocommit=True,
        # CREATE DATABASE is the longest; a fail-over in between must not leave us waiting.
        options="-c statement_timeout=60s -c lock_timeout=30s",
    )


def run(superuser: str, password: str, folder: Path, *, ours: bool) -> None:
    """One whole pass."""
    databases = read_databases(folder, superuser)
    with connect(superuser, password) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
        for database in databases:
            changes = provision(connection, database)
            log(f"{database.name}: {', '.join(changes) or 'up to date'}")
        for name in _COMMON_DATABASES if ours else ():
            for change in close(connection, name):
                log(change)


def main() -> int:
    """Exit code 0 when everything is as wanted, 1 when no primary answered in time, 2 on unusable input."""
    superuser = os.environ.get("PGUSER", "postgres")
    folder = Path(os.environ.get("DATABASES_DIR", "/etc/storefront/databases"))
    timeout = float(os.environ.get("PROVISION_TIMEOUT", "300"))
    ours = os.environ.get("SERVER_IS_OURS") == "true"
    deadline = time.monotonic() + timeout
    last_problem = ""
    while True:
        try:
            run(superuser, superuser_password(), folder, ours=ours)
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
