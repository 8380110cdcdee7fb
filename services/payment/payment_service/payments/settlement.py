"""Brings payments to their end, step by step, outside of transactions: the gateway is asked here and nowhere else.

A step is chosen by what is written down, done at the gateway, and what the gateway answers is written down. So it does
not matter where a process dies, who else works on the payment, or which webhook comes in between.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common.database import Database
from storefront_common.external import ExternalUnavailableError
from storefront_common.external.system import NotConfiguredError
from storefront_common.settings import SecretUnreadableError
from storefront_common.tasks import Reschedule, Task

from payment_service.gateway import Charge, Intent, PaymentGateway, RejectedError, UnexpectedPhaseError
from payment_service.gateway.patience import patiently
from payment_service.payments import lifecycle, repository, service
from payment_service.payments.lifecycle import Facts, Step
from payment_service.payments.tables import Payment
from payment_service.refunds import service as refunds

logger = structlog.stdlib.get_logger(__name__)

ASKED_EVERY = timedelta(seconds=60)
"""How often the gateway is asked about a payment that waits for the payer, should its webhooks not arrive."""

_STEPS_AT_ONCE = 10


class UnsettledError(Exception):
    """The steps lead nowhere."""


@dataclass(frozen=True)
class _Plan:
    """The next step of a payment, and what was known when it was chosen."""

    step: Step
    payment: Payment
    asked_before: datetime | None


class Settlement:
    """Does the tasks of kind `settle`."""

    def __init__(self, database: Database, gateway: PaymentGateway, shop_url: str | None) -> None:
        """`shop_url`: where the payer's browser comes back to after 3-D Secure."""
        self._database = database
        self._gateway = gateway
        self._shop_url = shop_url.rstrip("/") if shop_url else None

    async def settle(self, task: Task) -> None:
        """Take the payment as far as it can go now."""
        payment_id = UUID(task.payload["paymentId"])
        asked_now = False
        for _ in range(_STEPS_AT_ONCE):
            plan = await self._database.write(lambda session: _plan(session, payment_id))
            match plan.step:
                case Step.NONE:
                    return
                case Step.CLOSE:
                    await self._database.write(
                        lambda session: service.end_without_intent(session, payment_id)
                    )
                case Step.REFUND:
                    await self._database.write(lambda session: refunds.refund_rest(session, payment_id))
                    return
                case Step.WAIT if asked_now:
                    raise Reschedule(_until_next_look(plan.payment))
                case _:
                    async with patiently():
                        await self._ask(plan)
                    asked_now = True
        raise UnsettledError(f"payment {payment_id} is not settled after {_STEPS_AT_ONCE} steps")

    async def _ask(self, plan: _Plan) -> None:
        """Do a step at the gateway and write down what comes of it."""
        match plan.step:
            case Step.AUTHORISE:
                intent = await self._authorise(plan)
            case Step.LOOK_FOR:
                intent = await self._look_for(plan)
            case _:
                intent = await self._advance(plan)
        if intent is not None:
            await self._learn(plan.payment.id, intent)

    async def _authorise(self, plan: _Plan) -> Intent | None:
        payment = plan.payment
        charge = Charge(
            order_id=payment.order_id,
            payment_id=payment.id,
            amount=payment.amount,
            currency=payment.currency,
            payment_method=payment.payment_method or "",
            return_url=f"{self._shop_url}/orders/{payment.order_id}" if self._shop_url else None,
        )
        try:
            return await self._gateway.authorise(charge)
        except RejectedError as error:
            code = error.code
            logger.warning("payment rejected", payment=str(payment.id), reason=str(error))
            await self._database.write(
                lambda session: service.reject(session, payment.id, code, asked_before=plan.asked_before)
            )
            return None
        except (NotConfiguredError, SecretUnreadableError):
            await self._not_asked(plan)
            raise
        except ExternalUnavailableError as error:
            if not error.may_have_happened:
                await self._not_asked(plan)
                raise
            # The key's answer may be an error for good, such as the one of a gateway that broke on the way.
            found = await self._gateway.find(payment.order_id, payment.created_at)
            if found is None:
                raise
            return found

    async def _not_asked(self, plan: _Plan) -> None:
        await self._database.write(
            lambda session: service.not_asked(session, plan.payment.id, plan.asked_before)
        )

    async def _look_for(self, plan: _Plan) -> Intent | None:
        payment = plan.payment
        looked_at = service.utc_now()
        intent = await self._gateway.find(payment.order_id, payment.created_at)
        if intent is not None:
            return intent
        if payment.asked_at is not None and not lifecycle.is_certain(payment.asked_at, looked_at):
            raise Reschedule(payment.asked_at + lifecycle.IN_FLIGHT - looked_at + timedelta(seconds=1))
        await self._database.write(lambda session: service.end_without_intent(session, payment.id))
        return None

    async def _advance(self, plan: _Plan) -> Intent:
        """Capture, cancel, or look again."""
        intent_id = plan.payment.intent_id
        assert intent_id is not None
        try:
            if plan.step is Step.CAPTURE:
                return await self._gateway.capture(intent_id, plan.payment.id)
            if plan.step is Step.CANCEL:
                return await self._gateway.cancel(intent_id)
        except UnexpectedPhaseError as error:
            logger.info("the intent has moved on", payment=str(plan.payment.id), reason=str(error))
        return await self._gateway.retrieve(intent_id)

    async def _learn(self, payment_id: UUID, intent: Intent) -> None:
        async def learn(session: AsyncSession) -> None:
            payment = await repository.lock(session, payment_id)
            assert payment is not None
            await service.learn(session, payment, intent)

        await self._database.write(learn)


async def _plan(session: AsyncSession, payment_id: UUID) -> _Plan:
    """Choose the next step; that the gateway is about to be asked is written down before it is."""
    payment = await repository.lock(session, payment_id)
    if payment is None:
        raise UnsettledError(f"there is no payment {payment_id}")
    facts: Facts = await repository.facts(session, payment)
    now = service.utc_now()
    facts = lifecycle.expire(facts, now)
    payment.give_up = facts.give_up
    step = lifecycle.next_step(facts)
    asked_before = payment.asked_at
    if step is Step.AUTHORISE:
        payment.asked_at = now
    return _Plan(step, payment, asked_before)


def _until_next_look(payment: Payment) -> timedelta:
    until_expiry = payment.expires_at - service.utc_now()
    return max(timedelta(seconds=1), min(ASKED_EVERY, until_expiry))
