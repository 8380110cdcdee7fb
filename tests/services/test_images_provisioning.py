"""The PostgreSQL image's `provision-databases` against a real server."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from storefront_dev.folders import REPOSITORY

pytestmark = pytest.mark.services

_SUPERUSER_PASSWORD = "of the superuser"


def _program() -> ModuleType:
    path = REPOSITORY / "images/postgres/provision_databases.py"
    spec = importlib.util.spec_from_file_location("provision_databases", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


provisioning = _program()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of this test's own, on a free port; passwords are asked for as in the cluster."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    program = shutil.which("initdb") or (installed[-1] / "initdb" if installed else None)
    if program is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    programs = Path(program).parent
    # PostgreSQL refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        free = int(taken.getsockname()[1])
        taken.close()
        if user:
            shutil.chown(folder, user)
        password = Path(folder) / "superuser"
        password.write_text(_SUPERUSER_PASSWORD)
        password.chmod(0o644)
        data = f"{folder}/data"
        initdb = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        subprocess.run(
            [str(programs / "initdb"), f"--pgdata={data}", *initdb],
            user=user,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = f"-c listen_addresses=127.0.0.1 -c port={free} -c unix_socket_directories='' -c fsync=off"
        control = [str(programs / "pg_ctl"), f"--pgdata={data}", "--wait", f"--log={folder}/log"]
        subprocess.run(
            [*control, f"--options={options}", "start"], user=user, check=True, stdout=subprocess.DEVNULL
        )
        try:
            yield free
        finally:
            subprocess.run(
                [*control, "--mode=immediate", "stop"], user=user, check=True, stdout=subprocess.DEVNULL
            )


@pytest.fixture
def wanted(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of wanted databases, and the environment that the program is started with."""
    (tmp_path / "superuser").write_text(_SUPERUSER_PASSWORD)
    folder = tmp_path / "databases"
    folder.mkdir()
    for name, value in {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGUSER": "postgres",
        "PGPASSWORD_FILE": str(tmp_path / "superuser"),
        "DATABASES_DIR": str(folder),
        "PROVISION_TIMEOUT": "0",
        "SERVER_IS_OURS": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return folder


def _want(folder: Path, database: str, **logins: str) -> None:
    """Exactly these logins, as user=password."""
    shutil.rmtree(folder / database, ignore_errors=True)
    for number, (username, password) in enumerate(logins.items()):
        login = folder / database / f"login-{number}"
        login.mkdir(parents=True)
        (login / "username").write_text(username)
        (login / "password").write_text(password)


def _connect(port: int, database: str, username: str, password: str) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=port, dbname=database, user=username, password=password)


def _superuser(port: int) -> psycopg.Connection:
    return _connect(port, "postgres", "postgres", _SUPERUSER_PASSWORD)


def test_each_role_owns_its_database_and_cannot_enter_another(
    port: int, wanted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _want(wanted, "product", product="pencil")
    _want(wanted, "order", **{'or"der': "it's $ecret"})
    assert provisioning.main() == 0

    with _connect(port, "order", 'or"der', "it's $ecret") as connection:
        connection.execute("CREATE TABLE ours (id int)")
    for other in ("product", "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            _connect(port, other, 'or"der', "it's $ecret")
    printed = capsys.readouterr()
    assert "product: role product-owner created, database product created" in printed.out
    assert not any(secret in printed.out + printed.err for secret in ("pencil", "$ecret"))


def test_a_second_run_changes_nothing_and_a_new_password_takes_effect(
    port: int, wanted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _want(wanted, "again", again="old")
    assert provisioning.main() == 0
    capsys.readouterr()

    assert provisioning.main() == 0
    assert capsys.readouterr().out == "provision-databases: again: up to date\n"

    _want(wanted, "again", again="new")
    assert provisioning.main() == 0
    assert capsys.readouterr().out == "provision-databases: again: password of role again set\n"
    _connect(port, "again", "again", "new").close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _connect(port, "again", "again", "old")


def test_credentials_change_by_a_second_login_without_a_moment_in_which_none_works(
    port: int, wanted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _want(wanted, "rotated", rotated="first")
    assert provisioning.main() == 0
    old = _connect(port, "rotated", "rotated", "first")
    old.execute("CREATE TABLE things (id int)")
    old.commit()

    _want(wanted, "rotated", **{"rotated": "first", "rotated-b": "second"})
    assert provisioning.main() == 0
    with _connect(port, "rotated", "rotated-b", "second") as new:
        new.execute("INSERT INTO things VALUES (1)")
        new.execute("ALTER TABLE things ADD COLUMN name text")
        new.execute("CREATE TABLE more (id int)")
    old.execute("INSERT INTO more VALUES (2)")
    old.execute("DROP TABLE things")
    old.commit()
    _connect(port, "rotated", "rotated", "first").close()
    capsys.readouterr()

    _want(wanted, "rotated", **{"rotated-b": "second"})
    assert provisioning.main() == 0
    assert capsys.readouterr().out == (
        "provision-databases: rotated: role rotated closed, 1 sessions of role rotated ended\n"
    )
    with pytest.raises(psycopg.OperationalError):
        old.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match=r"not permitted to log in|authentication failed"):
        _connect(port, "rotated", "rotated", "first")

    _want(wanted, "rotated", **{"rotated-b": "second", "rotated": "third"})
    assert provisioning.main() == 0
    with _connect(port, "rotated", "rotated", "third") as again:
        assert again.execute("SELECT id FROM more").fetchall() == [(2,)]


def test_roles_that_somebody_else_made_are_left_alone(port: int, wanted: Path) -> None:
    _want(wanted, "shared", shared="pencil")
    assert provisioning.main() == 0
    with _superuser(port) as connection:
        connection.execute("CREATE ROLE analyst LOGIN PASSWORD 'pen' IN ROLE \"shared-owner\"")

    _want(wanted, "shared", **{"shared-b": "other"})
    assert provisioning.main() == 0

    _connect(port, "shared", "analyst", "pen").close()


def test_a_database_whose_login_owned_it_is_handed_to_the_owner(
    port: int, wanted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _superuser(port) as connection:
        connection.autocommit = True
        connection.execute("CREATE ROLE grown LOGIN PASSWORD 'pencil'")
        connection.execute("CREATE DATABASE grown OWNER grown")
    session = _connect(port, "grown", "grown", "pencil")
    session.execute("CREATE TABLE old (id int)")
    session.commit()

    _want(wanted, "grown", **{"grown": "pencil", "grown-b": "second"})
    assert provisioning.main() == 0

    assert "what role grown owned is grown-owner's" in capsys.readouterr().out
    session.execute("INSERT INTO old VALUES (1)")
    session.commit()
    with _connect(port, "grown", "grown-b", "second") as new:
        new.execute("ALTER TABLE old ADD COLUMN name text")
        owner = new.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'grown'"
        ).fetchone()
        assert owner == ("grown-owner",)
    session.close()


def test_on_somebody_else_s_server_it_needs_no_superuser(
    port: int, wanted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with _superuser(port) as connection:
        connection.execute("CREATE ROLE admin LOGIN CREATEDB CREATEROLE PASSWORD 'of the admin'")
        connection.execute("GRANT CONNECT ON DATABASE postgres TO PUBLIC")
    monkeypatch.delenv("PGPASSWORD_FILE")
    monkeypatch.delenv("SERVER_IS_OURS")
    monkeypatch.setenv("PGPASSWORD", "of the admin")
    monkeypatch.setenv("PGUSER", "admin")

    _want(wanted, "hosted", hosted="first")
    assert provisioning.main() == 0
    old = _connect(port, "hosted", "hosted", "first")
    old.execute("CREATE TABLE things (id int)")
    old.commit()

    _want(wanted, "hosted", **{"hosted": "first", "hosted-b": "second"})
    assert provisioning.main() == 0
    with _connect(port, "hosted", "hosted-b", "second") as new:
        new.execute("ALTER TABLE things ADD COLUMN name text")
    old.execute("RESET ROLE")
    old.execute("SET ROLE none")
    old.execute("CREATE SCHEMA own")
    old.commit()
    capsys.readouterr()

    _want(wanted, "hosted", **{"hosted-b": "second"})
    assert provisioning.main() == 0
    assert "role hosted closed, 1 sessions of role hosted ended" in capsys.readouterr().out
    with pytest.raises(psycopg.OperationalError):
        old.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match=r"not permitted to log in|authentication failed"):
        _connect(port, "hosted", "hosted", "first")
    with _connect(port, "hosted", "hosted-b", "second") as new:
        new.execute("DROP SCHEMA own")
    with _superuser(port) as connection:
        query = "SELECT has_database_privilege('hosted-b', 'postgres', 'CONNECT')"
        assert connection.execute(query).fetchone() == (True,), "what is not ours is left as it is"


def test_without_a_primary_it_says_why_and_fails(
    wanted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _want(wanted, "product", product="pencil")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PGPORT", str(taken.getsockname()[1]))
    assert provisioning.main() == 1
    assert "Connection refused" in capsys.readouterr().out
