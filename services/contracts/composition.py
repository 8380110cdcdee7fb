"""Each service as its process puts it together, here without a process, a store or a secret."""

import asyncio
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from fastapi import FastAPI
from pydantic_settings import BaseSettings

_SERVICES = Path(__file__).parents[1]

# Nothing of it is used: services connect, and read secrets, when they need to.
_ENVIRONMENT = {
    "DATABASE_HOST": "nowhere",
    "DATABASE_NAME": "none",
    "DATABASE_USER": "nobody",
    "DATABASE_PASSWORD_FILE": "/nowhere",
    "ELASTICSEARCH_URL": "http://nowhere",
    "GATEWAY_CREDENTIAL_FILE": "/nowhere",
    "MAIL_FROM": "nobody@nowhere.example",
    "RABBITMQ_HOST": "nowhere",
    "RABBITMQ_USER": "nobody",
    "RABBITMQ_PASSWORD_FILE": "/nowhere",
    "REDIS_HOST": "nowhere",
    "REDIS_USER": "nobody",
    "REDIS_PASSWORD_FILE": "/nowhere",
    "SHOP_URL": "http://nowhere",
    "SMTP_HOST": "nowhere",
}


class Composition(NamedTuple):
    """What a service consists of, as far as others see it."""

    api: FastAPI | None
    """None for a service without an API."""
    settings: list[type[BaseSettings]]
    """Every kind of settings that it loads, each once."""


def services() -> list[str]:
    """The names of all services, by their folders."""
    return sorted(package.name.removesuffix("_service") for package in _SERVICES.glob("*/*_service"))


def compose(service: str) -> Composition:
    """The parts of `service serve`, with their least settings."""
    command = importlib.import_module(f"{service}_service.main").COMMAND

    async def application() -> FastAPI | None:
        async with command.parts() as parts:
            app: FastAPI | None = parts.api
            return app

    with mock.patch.dict(os.environ, _ENVIRONMENT, clear=True), _loaded() as kinds:
        return Composition(asyncio.run(application()), kinds)


@contextmanager
def _loaded() -> Iterator[list[type[BaseSettings]]]:
    """The kinds of settings that are loaded inside of the block."""
    kinds: list[type[BaseSettings]] = []
    load = BaseSettings.__init__

    def load_and_note(self: BaseSettings, *arguments: Any, **given: Any) -> None:
        if type(self) not in kinds:
            kinds.append(type(self))
        load(self, *arguments, **given)

    with mock.patch.object(BaseSettings, "__init__", load_and_note):
        yield kinds
