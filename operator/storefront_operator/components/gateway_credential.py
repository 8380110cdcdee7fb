"""The credential by which services know that it was the API gateway that passed on who somebody is.

Services accept every credential of the generated Secret: the next one before the gateway uses it, the former one until
no pod of the gateway does. They read the file when they need it; a new credential rolls them all the same, because
only then it is certain that each of them has it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.components.base import Component, GeneratedSecret, Health, Reason, Rotation
from storefront_operator.components.connections import BEHIND_THE_GATEWAY, deployment_of
from storefront_operator.components.logins import logins_of
from storefront_operator.components.workloads import is_rolled_out
from storefront_operator.objects import ChildKey, Observed, fingerprint

SECRET = "gateway-credential"  # noqa: S105 - the name of a Secret
"""In the edge namespace, the gateway's own: the key `password` is the credential to use. In the services namespace,
what services accept: the key `credentials`."""


class GatewayCredential(Component):
    """Generated in the edge namespace; a copy of all that are valid is in the services namespace."""

    name = "gateway-credential"
    condition = "GatewayCredentialReady"

    def secrets(self, storefront: Storefront) -> Sequence[GeneratedSecret]:
        return (
            GeneratedSecret(
                storefront.namespace("edge"),
                SECRET,
                self.name,
                {"username": "gateway"},
                ("password",),
                rotation=Rotation(consumers=(gateway_deployment(storefront),)),
            ),
        )

    def accepts_credentials(self, storefront: Storefront, observed: Observed) -> bool:
        return all(
            is_rolled_out(observed, deployment_of(storefront, service)) for service in BEHIND_THE_GATEWAY
        )

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        # Sorted: which of them the gateway uses makes no difference to who accepts them.
        valid = "\n".join(sorted(_credentials(storefront, observed).values()))
        return {"name": SECRET, "credentials": base64.b64encode(valid.encode()).decode()}

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        namespace = storefront.namespace("services")
        if observed.get("Secret", namespace, SECRET) is None:
            return Health(False, Reason.PROVISIONING, f"Secret {namespace}/{SECRET} is not created yet", True)
        return Health(True, Reason.AS_DESIRED, "the services have it")


def gateway_deployment(storefront: Storefront) -> ChildKey:
    """The workload of the API gateway."""
    return ChildKey("Deployment", storefront.namespace("edge"), "gateway")


def used_credential(storefront: Storefront, observed: Observed) -> str:
    """A fingerprint of the credential that new pods of the gateway use."""
    return fingerprint(_credentials(storefront, observed).get("current"))


def newest_credential(storefront: Storefront, observed: Observed) -> str:
    """A fingerprint of the credential that was made last; pods that carry it have started with that credential."""
    credentials = _credentials(storefront, observed)
    return fingerprint(credentials.get("next") or credentials.get("current"))


def _credentials(storefront: Storefront, observed: Observed) -> Mapping[str, str]:
    """The credentials that are valid, by slot."""
    logins = logins_of(observed.secret_data(storefront.namespace("edge"), SECRET))
    return {slot: login.password for slot, login in logins.items()}
