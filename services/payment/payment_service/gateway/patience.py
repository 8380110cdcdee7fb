"""Waiting for a gateway that is not there, without counting it as a failure of the work."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from storefront_common.external import CircuitOpenError
from storefront_common.external.system import NotConfiguredError
from storefront_common.settings import SecretUnreadableError
from storefront_common.tasks import Reschedule

logger = structlog.stdlib.get_logger(__name__)

_CIRCUIT_AGAIN = 2.0
_CONFIGURATION_AGAIN = 15.0


@asynccontextmanager
async def patiently() -> AsyncIterator[None]:
    """A block that asks the gateway: when it is certain that it was not asked, the task is done again soon.

    Other failures make the task wait longer and longer. But while the circuit is open nobody asks the gateway at all,
    so nothing is gained by waiting longer than it takes to close.

    Raises:
        Reschedule: instead of CircuitOpenError, NotConfiguredError and SecretUnreadableError.
    """
    try:
        yield
    except CircuitOpenError as error:
        seconds = error.retry_after + _CIRCUIT_AGAIN * random.uniform(0.5, 1.5)
        raise Reschedule(timedelta(seconds=seconds)) from error
    except (NotConfiguredError, SecretUnreadableError) as error:
        logger.warning("the payment gateway is not configured", reason=str(error))
        raise Reschedule(timedelta(seconds=_CONFIGURATION_AGAIN)) from error
