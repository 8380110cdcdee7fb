"""From an event to a mail on its way."""

from collections.abc import Mapping

import structlog
from prometheus_client import Counter
from storefront_common.events import Event, OrderSummary
from storefront_common.messaging.consumer import StorelessHandler

from notification_service.delivery import MailServer, RefusedError
from notification_service.letters.rendering import render
from notification_service.letters.wording import LETTERS
from notification_service.mail.addresses import NotAnAddressError, parse
from notification_service.mail.message import Mail, message_id
from notification_service.settings import MailSettings, ShopSettings, sender

logger = structlog.stdlib.get_logger(__name__)

_MAILS = Counter("mails_total", "Mails by what became of them in the end", ["type", "outcome"])


class Notifications:
    """Writes to customers about their orders."""

    def __init__(self, server: MailServer, shop: ShopSettings, mail: MailSettings) -> None:
        self._server = server
        self._shop = shop
        given = sender(mail.sender)
        self._sender = parse(given.addr_spec, given.display_name or shop.name)

    def handlers(self) -> Mapping[str, StorelessHandler]:
        """The handlers by event type."""
        return {letter.type: self.notify for letter in LETTERS}

    async def notify(self, _session: None, event: Event[OrderSummary]) -> None:
        """Send the mail about `event`.

        It is done as well when there is nobody to write to, or when the mailbox does not exist: trying again would
        not change that. Logs and metrics hold nothing about the person.

        Raises:
            NotTakenError, ExternalUnavailableError: not now.
        """
        if not event.data.customer.email:
            self._note(event, "no_address", "nobody to write to: the address was erased")
            return
        try:
            mail = self.compose(event)
        except NotAnAddressError as error:
            self._note(event, "undeliverable", f"nobody to write to: {error}")
            return
        try:
            await self._server.deliver(mail)
        except RefusedError as error:
            self._note(event, "refused", str(error))
        else:
            self._note(event, "sent", "sent")

    def compose(self, event: Event[OrderSummary]) -> Mail:
        """The mail about `event`; the same for every delivery of it.

        Raises:
            NotAnAddressError: the customer's address is none.
        """
        order = event.data
        letter = render(order, self._shop.name, str(self._shop.url))
        return Mail(
            message_id=message_id(event.type, order.order_id, event.aggregateversion, self._sender),
            sender=self._sender,
            recipient=parse(order.customer.email, order.customer.name),
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            written_at=event.time,
        )

    def _note(self, event: Event[OrderSummary], outcome: str, reason: str) -> None:
        _MAILS.labels(event.type, outcome).inc()
        log = logger.info if outcome == "sent" else logger.warning
        log("mail", outcome=outcome, reason=reason, event_type=event.type, order_id=str(event.data.order_id))
