"""The customer web app: the shop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.components.base import Component, Health
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.workloads import workload_health
from storefront_operator.objects import Observed


class CustomerWeb(Component):
    """Static files behind NGINX; its one setting is a JSON file that the page reads."""

    name = "web-customer"
    condition = "CustomerWebReady"

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["frontends"]["customer"]
        return {
            "workload": spec,
            "image": image_reference(storefront, "web-customer"),
            "env": merged_env({}, spec),
            "page_config": json.dumps({"shopName": spec["shopName"]}),
        }

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        return workload_health(observed, "Deployment", storefront.namespace("frontend"), self.name)
