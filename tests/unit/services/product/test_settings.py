"""Configuration from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from storefront_common import settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A complete environment; the password file."""
    password = tmp_path / "password"
    password.write_text("secret\n", encoding="utf-8")
    values = {"HOST": "db", "NAME": "product", "USER": "product", "PASSWORD_FILE": str(password)}
    for name, value in values.items():
        monkeypatch.setenv(f"DATABASE_{name}", value)
    return password


def test_defaults_fit_the_cluster(environment: Path) -> None:
    database = settings.load(settings.DatabaseSettings)
    assert (database.port, database.pool_size, database.connect_timeout) == (5432, 5, 1.0)
    assert database.password() == "secret"
    server = settings.load(settings.ServerSettings)
    assert (server.api_port, server.ops_port, server.log_level) == (8080, 9090, "INFO")


def test_a_rotated_password_is_read_again(environment: Path) -> None:
    database = settings.load(settings.DatabaseSettings)
    environment.write_text("new", encoding="utf-8")
    assert database.password() == "new"
    environment.write_text(" \n", encoding="utf-8")
    with pytest.raises(settings.SecretUnreadableError, match="the file is empty"):
        database.password()
    environment.unlink()
    with pytest.raises(settings.SecretUnreadableError, match="DATABASE_PASSWORD_FILE="):
        database.password()


def test_every_wrong_setting_is_named(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", "0")
    monkeypatch.delenv("DATABASE_HOST")
    with pytest.raises(SystemExit) as end:
        settings.load(settings.DatabaseSettings)
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["DATABASE_HOST", "DATABASE_POOL_SIZE"]
    assert "not set" in lines[0]
    assert "'0'" in lines[1]
