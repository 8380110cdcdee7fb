"""Configuration from environment variables, checked at start-up.

Plain values come from a ConfigMap. Secrets never are environment variables: a `*_FILE` variable names a mounted
file, which is read each time the secret is needed, so a rotated secret needs no restart.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AnyHttpUrl, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]
PeerPort = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=60)]
Settings = TypeVar("Settings", bound=BaseSettings)


class SecretUnreadableError(Exception):
    """A secret's file is missing, unreadable or empty."""


def read_secret(variable: str, file: Path) -> str:
    """What `file` holds, without the white space around it; `variable` names it in errors.

    Raises:
        SecretUnreadableError: the file cannot be read or is empty.
    """
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnreadableError(f"{variable}={file}: {error}") from error
    if not secret:
        raise SecretUnreadableError(f"{variable}={file}: the file is empty")
    return secret


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
    worker_seconds: float = Field(default=8.0, gt=0, le=300)
    """After that: how long workers may take to finish what they have in hand."""


class DatabaseSettings(BaseSettings):
    """Where the service's PostgreSQL database is and how to use it."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_", frozen=True)

    host: str = Field(min_length=1)
    port: PeerPort = 5432
    name: str = Field(min_length=1)
    user: str = Field(min_length=1)
    password_file: Path
    """File with the password; white space around it is ignored."""
    pool_size: int = Field(default=5, ge=1, le=100)
    """Connections of this process at most; there is no overflow, so replicas x pool_size is the real limit."""
    connect_timeout: float = Field(default=1.0, gt=0, le=30)
    """Seconds for one connection attempt. Short: a dead node's address may stay in a Service for a while. A server that
    is alive but slow is given more.
    """
    command_timeout: float = Field(default=5.0, gt=0, le=300)
    """Seconds for one statement, on the client and on the server."""
    request_timeout: float = Field(default=3.0, gt=0, le=60)
    """Seconds that one request may spend on the database, attempts and waiting included."""

    def password(self) -> str:
        """The current password.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty.
        """
        return read_secret("DATABASE_PASSWORD_FILE", self.password_file)


class BrokerSettings(BaseSettings):
    """Where RabbitMQ is and how to use it."""

    model_config = SettingsConfigDict(env_prefix="RABBITMQ_", frozen=True)

    host: str = Field(min_length=1)
    port: PeerPort = 5672
    virtual_host: str = Field(default="storefront", min_length=1)
    user: str = Field(min_length=1)
    password_file: Path
    """File with the password; white space around it is ignored."""
    connect_timeout: Seconds = 3.0
    """Seconds for one attempt to connect."""
    publish_timeout: Seconds = 5.0
    """Seconds until a message must be confirmed by the broker."""

    def password(self) -> str:
        """The current password.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty.
        """
        return read_secret("RABBITMQ_PASSWORD_FILE", self.password_file)


class RedisSettings(BaseSettings):
    """Where Redis' primary is and how to use it.

    Redis is a cache, nothing is lost with it: so its time-outs are short.
    """

    model_config = SettingsConfigDict(env_prefix="REDIS_", frozen=True)

    host: str = Field(min_length=1)
    port: PeerPort = 6379
    user: str = Field(min_length=1)
    password_file: Path
    """File with the password; white space around it is ignored."""
    connect_timeout: Seconds = 0.5
    """Seconds for one attempt to connect."""
    command_timeout: Seconds = 0.25
    """Seconds for one command; then the request goes on without the cache."""

    def password(self) -> str:
        """The current password.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty.
        """
        return read_secret("REDIS_PASSWORD_FILE", self.password_file)


class ElasticsearchSettings(BaseSettings):
    """Where Elasticsearch is and how to use it."""

    model_config = SettingsConfigDict(env_prefix="ELASTICSEARCH_", frozen=True)

    url: AnyHttpUrl
    user: str | None = None
    password_file: Path | None = None
    """File with the password; white space around it is ignored. Unset: no login."""
    request_timeout: Seconds = 2.0
    """Seconds for one search."""

    def login(self) -> tuple[str, str] | None:
        """User and current password; None when no login is needed.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty.
        """
        if self.user is None or self.password_file is None:
            return None
        return self.user, read_secret("ELASTICSEARCH_PASSWORD_FILE", self.password_file)


class GatewaySettings(BaseSettings):
    """How the API gateway proves that it is the one who passes claims on."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True)

    credential_file: Path
    """File with one or more credentials, separated by white space: while one is exchanged, both are valid."""

    def credentials(self) -> tuple[str, ...]:
        """The credentials that are valid now, at least one.

        Raises:
            SecretUnreadableError: the file cannot be read or is empty.
        """
        return tuple(read_secret("GATEWAY_CREDENTIAL_FILE", self.credential_file).split())


class TelemetrySettings(BaseSettings):
    """Where traces go: OpenTelemetry's own variables, as far as they are used."""

    model_config = SettingsConfigDict(env_prefix="OTEL_", frozen=True)

    exporter_otlp_endpoint: AnyHttpUrl | None = None
    """The collector's address (OTLP over HTTP). Unset: nothing is exported; the context still propagates."""
    exporter_otlp_timeout: Seconds = 3.0
    """Seconds for one export, also for the last one when the process stops."""
    traces_sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """Share of the traces that begin here which are exported; a trace that began elsewhere is as its beginner chose."""


class ExternalSettings(BaseSettings):
    """Where an external system is and how patiently it is asked; a subclass gives the variables' prefix."""

    model_config = SettingsConfigDict(frozen=True)

    url: AnyHttpUrl | None = None
    """The system's address. Unset: there is none, and what needs it says so."""
    connect_timeout: Seconds = 1.0
    """Seconds for one attempt to connect."""
    read_timeout: Seconds = 5.0
    """Seconds without a byte of the answer."""
    total_timeout: Seconds = 12.0
    """Seconds for a call with all its attempts and pauses."""
    attempts: int = Field(default=3, ge=1, le=10)
    """Attempts at most, of calls that may be repeated."""


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
