"""Has the gateway make refunds, outside of transactions."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.external import ExternalUnavailableError
from storefront_common.tasks import Reschedule, Task

from payment_service.gateway import PaymentGateway, RefundReport, RefundStatus, RejectedError
from payment_service.gateway.patience import patiently
from payment_service.payments import repository as payments
from payment_service.refunds import repository, service
from payment_service.refunds.tables import Refund

_PENDING_AGAIN = timedelta(minutes=5)


class RefundExecution:
    """Does the tasks of kind `refund`."""

    def __init__(self, database: Database, gateway: PaymentGateway) -> None:
        self._database = database
        self._gateway = gateway

    async def execute(self, task: Task) -> None:
        """Make one refund; made again, it is the same refund."""
        refund_id = UUID(task.payload["refundId"])
        refund = await self._database.read(lambda session: repository.find(session, refund_id))
        if refund is None or refund.state != repository.REQUESTED:
            return
        payment_id = refund.payment_id
        payment = await self._database.read(lambda session: payments.find(session, payment_id))
        assert payment is not None
        assert payment.intent_id is not None
        async with patiently():
            report = await self._make(refund, payment.intent_id)
        if report is None:
            return

        async def learn(session: AsyncSession) -> None:
            locked = await payments.lock(session, payment_id)
            assert locked is not None
            await service.learn(session, locked, report)

        await self._database.write(learn)
        if report.status is RefundStatus.PENDING:
            raise Reschedule(_PENDING_AGAIN)

    async def _make(self, refund: Refund, intent_id: str) -> RefundReport | None:
        """What became of the refund; None when the gateway refuses it for good."""
        try:
            if refund.gateway_id is not None:
                return await self._gateway.find_refund(intent_id, refund.id)
            return await self._gateway.refund(intent_id, refund.id, refund.amount)
        except RejectedError as error:
            code = error.code
            # Refused may mean: made already, and the gateway has forgotten the idempotency key since.
            made = await self._gateway.find_refund(intent_id, refund.id)
            if made is None:
                await self._database.write(lambda session: service.refuse(session, refund.id, code))
            return made
        except ExternalUnavailableError as error:
            if not error.may_have_happened:
                raise
            made = await self._gateway.find_refund(intent_id, refund.id)
            if made is None:
                raise
            return made
