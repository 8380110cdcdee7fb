"""The product service keeps what its OpenAPI document says."""

from __future__ import annotations

import aiohttp
import pytest

from tests.services import schemathesis_checks
from tests.services.identities import ADMIN
from tests.services.product.product_process import ProductProcess

pytestmark = pytest.mark.services


async def test_the_service_is_as_it_says(whole_service: ProductProcess, shop: aiohttp.ClientSession) -> None:
    await schemathesis_checks.check(whole_service.api, headers=ADMIN)
