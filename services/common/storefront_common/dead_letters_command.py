"""The subcommand `dead-letters`."""

import argparse
import dataclasses
import json

from storefront_common import settings
from storefront_common.command_line import CommandError
from storefront_common.messaging import dead_letters
from storefront_common.messaging.broker import Broker, BrokerUnavailableError


async def run(service: str, parsed: argparse.Namespace) -> None:
    """Do what `parsed` asks with the dead letters of `service`, and print what was done.

    Raises:
        CommandError: the broker cannot be asked.
    """
    broker = Broker(settings.load(settings.BrokerSettings), service)
    try:
        if parsed.action == "list":
            for letter in await dead_letters.find(broker, service, parsed.limit):
                print(_line(letter))
        else:
            act = dead_letters.replay if parsed.action == "replay" else dead_letters.discard
            number = await act(broker, service, parsed.ids)
            print(f"{number} {'replayed' if parsed.action == 'replay' else 'discarded'}")
    except BrokerUnavailableError as error:
        raise CommandError(f"RabbitMQ cannot be asked: {error}") from error
    finally:
        await broker.close()


def _line(letter: dead_letters.DeadLetter) -> str:
    shown = dataclasses.asdict(letter)
    shown["body"] = letter.body.decode("utf-8", "replace")
    return json.dumps(shown, default=str, ensure_ascii=False)
