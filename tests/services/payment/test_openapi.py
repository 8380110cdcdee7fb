"""The payment service keeps what its OpenAPI document says."""

from __future__ import annotations

import pytest

from tests.services import schemathesis_checks
from tests.services.payment.payment_process import PaymentProcess
from tests.services.payment.shop import ADMIN_HEADERS, Shop

pytestmark = pytest.mark.services


async def test_the_service_is_as_it_says(service: PaymentProcess, shop: Shop) -> None:
    await schemathesis_checks.check(service.api, headers=ADMIN_HEADERS)
