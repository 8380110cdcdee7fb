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
    }.items():
        monkeypatch.setenv(name, value)
    return folder


def _want(folder: Path, database: str, username: str, password: str) -> None:
    (folder / database).mkdir(exist_ok=True)
    (folder / database / "username").write_text(username)
    (folder / database / "password").write_text(password)


def _connect(port: int, database: str, username: str, password: str) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=port, dbname=database, user=username, password=password)


def test_each_role_owns_its_database_and_cannot_enter_another(
    port: int, wanted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _want(wanted, "product", "product", "pencil")
    _want(wanted, "order", 'or"der', "it's $ecret")
    assert provisioning.main() == 0

    with _connect(port, "order", 'or"der', "it's $ecret") as connection:
        connection.execute("CREATE TABLE ours (id int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        _connect(port, "product", 'or"der', "it's $ecret")
    printed = capsys.readouterr()
    assert "product: role product created, database product created" in printed.out
    assert not any(secret in printed.out + printed.err for secret in ("pencil", "$ecret"))


def test_a_second_run_changes_nothing_and_a_new_password_takes_effect(
    port: int, wanted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _want(wanted, "rotated", "rotated", "old")
    assert provisioning.main() == 0
    capsys.readouterr()

    assert provisioning.main() == 0
    assert capsys.readouterr().out == "provision-databases: rotated: up to date\n"

    _want(wanted, "rotated", "rotated", "new")
    assert provisioning.main() == 0
    assert capsys.readouterr().out == "provision-databases: rotated: password of role rotated set\n"
    _connect(port, "rotated", "rotated", "new").close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _connect(port, "rotated", "rotated", "old")


def test_without_a_primary_it_says_why_and_fails(
    wanted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _want(wanted, "product", "product", "pencil")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PGPORT", str(taken.getsockname()[1]))
    assert provisioning.main() == 1
    assert "Connection refused" in capsys.readouterr().out
