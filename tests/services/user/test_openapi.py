"""The user service keeps what its OpenAPI document says."""

from __future__ import annotations

import aiohttp
import pytest

from tests.services import schemathesis_checks
from tests.services.identities import ADMIN
from tests.services.service_process import ServiceProcess

pytestmark = pytest.mark.services


async def test_the_service_is_as_it_says(service: ServiceProcess, api: aiohttp.ClientSession) -> None:
    await schemathesis_checks.check(service.api, headers=ADMIN)
