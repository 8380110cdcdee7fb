"""The command line that every service has: `serve`, `migrate`, `dead-letters`, and what else the service adds."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvloop
from starlette.types import ASGIApp

from storefront_common import logs, settings, telemetry
from storefront_common.database import Database, MigrationError, Schema
from storefront_common.readiness import Readiness
from storefront_common.server import PortUnavailableError, serve
from storefront_common.workers import Worker

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_FLUSH_SECONDS = 3.0


class CommandError(Exception):
    """A command could not be done; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a serving process consists of."""

    api: ASGIApp | None = None
    """The application of the API port; None for a service that nobody calls, which does not listen there."""
    database: Database | None = None
    """The one whose state decides about readiness; None for a service without."""
    workers: Mapping[str, Worker] = field(default_factory=dict)
    """What runs beside the servers, by name."""


@dataclass(frozen=True, kw_only=True)
class MigrationOption:
    """A flag of `migrate` that adds something to the database once its schema is right, in the same transaction."""

    flag: str
    """Such as `--sample-catalogue`."""
    help: str
    then: Callable[["AsyncConnection"], Awaitable[None]]
    """Does it; must be safe to repeat."""


@dataclass(frozen=True, kw_only=True)
class ExtraCommand:
    """A subcommand of the service's own. What only it needs, it imports inside of `run`."""

    name: str
    help: str
    run: Callable[[argparse.Namespace], Awaitable[None]]
    """Does it; raises CommandError when it cannot."""
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    """Tells the parser what the subcommand takes."""


@dataclass(frozen=True, kw_only=True)
class ServiceCommand:
    """What makes a service's command line."""

    name: str
    """`product`: for traces, as the database's client and the broker's queue. The command is `product-service`."""
    description: str
    parts: Callable[[], AbstractAsyncContextManager[Parts]]
    """Opens what a serving process consists of, and closes it after the servers and workers have ended.

    One function and not one each for application and workers, because they share connections. It loads its settings
    first, by `settings.load`, which ends the process on bad ones."""
    migrations: str | None = None
    """The package of the Alembic migrations; None for a service without a database, which has no `migrate`."""
    migration_options: Sequence[MigrationOption] = ()
    commands: Sequence[ExtraCommand] = ()


def run(command: ServiceCommand, arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit code 1 when it could not be done, 2 when it was given wrong."""
    parser = _parser(command)
    parsed = parser.parse_args(arguments)
    server = settings.load(settings.ServerSettings)
    traces = settings.load(settings.TelemetrySettings)
    logs.configure(server.log_level)
    work: Callable[[argparse.Namespace], Awaitable[None]] = parsed.run
    try:
        uvloop.run(_traced(command.name, traces, work(parsed)))
    except (CommandError, MigrationError, PortUnavailableError) as error:
        print(f"{parser.prog} {parsed.command}: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _parser(command: ServiceCommand) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"{command.name}-service", description=command.description)
    subcommands = parser.add_subparsers(dest="command", required=True)
    serving = subcommands.add_parser("serve", help="serve the API and the operations port until SIGTERM")
    serving.set_defaults(run=lambda _: _serve(command))
    if command.migrations is not None:
        migration = subcommands.add_parser(
            "migrate", help="wait for the database and bring its schema up to date"
        )
        migration.set_defaults(run=lambda parsed: _migrate(command, parsed))
        for option in command.migration_options:
            migration.add_argument(option.flag, action="store_true", help=option.help)
    _add_dead_letters(subcommands, command)
    for extra in command.commands:
        own = subcommands.add_parser(extra.name, help=extra.help)
        extra.add_arguments(own)
        own.set_defaults(run=extra.run)
    return parser


def _add_dead_letters(
    subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]", command: ServiceCommand
) -> None:
    dead_letters = subcommands.add_parser(
        "dead-letters", help="look at events that could not be handled, try them again or throw them away"
    )
    actions = dead_letters.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="show the oldest ones, one JSON object a line")
    listing.add_argument("--limit", type=int, default=100, help="how many at most (default: %(default)s)")
    for name, what in (("replay", "handle them again as if they were new"), ("discard", "throw them away")):
        action = actions.add_parser(name, help=what)
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("--all", action="store_true", help="all of them")
        which.add_argument("--id", dest="ids", action="append", help="this one; may be given several times")
    dead_letters.set_defaults(run=lambda parsed: _dead_letters(command, parsed))


async def _dead_letters(command: ServiceCommand, parsed: argparse.Namespace) -> None:
    # Imported only here: a serving process does without.
    from storefront_common import dead_letters_command

    await dead_letters_command.run(command.name, parsed)


async def _traced(name: str, traces: settings.TelemetrySettings, work: Awaitable[None]) -> None:
    telemetry.configure(name, traces)
    try:
        await work
    finally:
        await telemetry.shutdown(_FLUSH_SECONDS)


async def _serve(command: ServiceCommand) -> None:
    server = settings.load(settings.ServerSettings)
    schema = None if command.migrations is None else Schema(command.migrations)
    async with command.parts() as parts:
        await serve(parts.api, Readiness(parts.database, schema), server, parts.workers)


async def _migrate(command: ServiceCommand, parsed: argparse.Namespace) -> None:
    # Imported only here: a serving process does without Alembic.
    from storefront_common.database.migration import migrate

    assert command.migrations is not None
    database = settings.load(settings.DatabaseSettings)
    chosen = [option for option in command.migration_options if getattr(parsed, _attribute(option.flag))]

    async def add_chosen(connection: "AsyncConnection") -> None:
        for option in chosen:
            await option.then(connection)

    await migrate(database, Schema(command.migrations), command.name, then=add_chosen if chosen else None)


def _attribute(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")
