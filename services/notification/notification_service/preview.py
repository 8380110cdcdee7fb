"""`notification-service preview`: every mail there is, as files."""

import argparse
from pathlib import Path

from storefront_common import settings
from storefront_common.command_line import ExtraCommand

from notification_service import samples
from notification_service.delivery.folder import Folder
from notification_service.notifications import Notifications
from notification_service.settings import MailSettings, ShopSettings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="where to write; it is made when it is missing")


async def _run(arguments: argparse.Namespace) -> None:
    folder: Path = arguments.folder
    target = Folder(folder)
    notifications = Notifications(target, settings.load(ShopSettings), settings.load(MailSettings))
    mails = samples.events()
    for event in mails:
        await target.deliver(notifications.compose(event))
    print(f"{len(mails)} mails in {folder}")


COMMAND = ExtraCommand(
    name="preview",
    help="write the mails about sample events into a folder, as .html and .txt",
    run=_run,
    add_arguments=_add_arguments,
)
