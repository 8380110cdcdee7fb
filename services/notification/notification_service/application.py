"""What the service runs, put together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog
from storefront_common import settings
from storefront_common.external import CircuitBreaker
from storefront_common.messaging.broker import Broker
from storefront_common.messaging.consumer import Consumer
from storefront_common.workers import Worker

from notification_service.attendance import Attendance
from notification_service.delivery.smtp import SYSTEM, SmtpServer
from notification_service.notifications import Notifications
from notification_service.settings import MailSettings, ShopSettings, SmtpSettings, sender

logger = structlog.stdlib.get_logger(__name__)

_AT_ONCE = 8
"""Mails that one process sends at the same time, each over a connection of its own."""


@asynccontextmanager
async def workers(service: str) -> AsyncIterator[Mapping[str, Worker]]:
    """The workers by name, as the environment tells: none without a mail server, so that events wait for one."""
    broker_settings, shop = settings.load(settings.BrokerSettings), settings.load(ShopSettings)
    smtp = settings.load(SmtpSettings)
    if smtp.host is None:
        logger.warning("SMTP_HOST is not set: no mails are sent, events wait in the queue")
        yield {}
        return
    if smtp.user is not None and smtp.security == "none":
        logger.warning("SMTP_SECURITY=none: the password for the mail server can be read on its way")
    mail = settings.load(MailSettings)
    server = SmtpServer(smtp, CircuitBreaker(SYSTEM), sender(mail.sender).domain)
    attendance = Attendance(server)
    handlers = attendance.watch(Notifications(server, shop, mail).handlers())
    broker = Broker(broker_settings, service)
    try:
        yield {"events": attendance.worker(Consumer(service, None, broker, handlers, prefetch=_AT_ONCE))}
    finally:
        await broker.close()
