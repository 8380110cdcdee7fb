"""Configuration from environment variables, checked at start-up.

Plain values come from a ConfigMap. Secrets never are environment variables: a `*_FILE` variable names a mounted
file, which is read each time the secret is needed, so a rotated secret needs no restart.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]
Settings = TypeVar("Settings", bound=BaseSettings)


class SecretUnreadableError(Exception):
    """A secret's file is missing, unreadable or empty."""


class ServerSettings(BaseSettings):
    """How the process listens, logs and stops."""

    model_config = SettingsConfigDict(frozen=True)

    api_port: Port = 8080
    """Port of the public API (0: any free one)."""
    ops_port: Port = 9090
    """Port of probes and metrics (0: any free one)."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    drain_seconds: float = Field(default=3.0, ge=0, le=60)
    """After SIGTERM: how long to go on serving while load balancers take this replica out."""
    shutdown_seconds: float = Field(default=10.0, gt=0, le=300)
    """After that: how long requests in flight may take to finish."""


class DatabaseSettings(BaseSettings):
    """Where the service's PostgreSQL database is and how to use it."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_", frozen=True)

    host: str = Field(min_length=1)
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    name: str = Field(min_length=1)
    user: str = Field(min_length=1)
    password_file: Path
    """File with the password; white space around it is ignored."""
    pool_size: int = Field(default=5, ge=1, le=100)
    """Connections of this process at most; there is no overflow, so replicas x pool_size is the real limit."""
    connect_timeout: float = Field(default=1.0, gt=0, le=30)
    """Seconds for one connection attempt. Short: a dead node's address may stay in a Service for a while."""
    command_timeout: float = Field(default=5.0, gt=0, le=300)
    """Seconds for one statement, on the client and on the server."""
    request_timeout: float = Field(default=3.0, gt=0, le=60)
    """Seconds that one request may spend on the database, attempts and waiting included."""

    def password(self) -> str:
        """The current password.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty.
        """
        try:
            password = self.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretUnreadableError(f"DATABASE_PASSWORD_FILE={self.password_file}: {error}") from error
        if not password:
            raise SecretUnreadableError(f"DATABASE_PASSWORD_FILE={self.password_file}: the file is empty")
        return password


def load(kind: type[Settings]) -> Settings:
    """Settings from the environment; on bad values the process ends with one clear line per problem (exit code 2)."""
    try:
        return kind()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        for problem in error.errors():
            variable = (prefix + "_".join(str(part) for part in problem["loc"])).upper()
            given = "not set" if problem["type"] == "missing" else repr(problem["input"])
            print(f"{variable}: {problem['msg']} ({given})", file=sys.stderr)
        raise SystemExit(2) from None
