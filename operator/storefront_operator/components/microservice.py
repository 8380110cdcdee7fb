"""What the five microservices have in common: their objects, their schema's Job, their health.

Each is a declaration; what differs is in the tables of `connections` and in a few methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.components.base import Component, Health, OnceJob, Reason
from storefront_operator.components.common import image_reference
from storefront_operator.components.connections import (
    BEHIND_THE_GATEWAY,
    STORES_OF_SERVICES,
    store_address,
)
from storefront_operator.components.external import is_external
from storefront_operator.components.gateway_credential import SECRET as GATEWAY_SECRET
from storefront_operator.components.gateway_credential import newest_credential
from storefront_operator.components.logins import Login, used_logins
from storefront_operator.components.pods import is_being_created
from storefront_operator.components.postgres import data_identity
from storefront_operator.components.rabbitmq_topology import VIRTUAL_HOST
from storefront_operator.components.workloads import job_health, rolled_out_image, workload_health, worst
from storefront_operator.objects import Child, Observed, fingerprint

_SECRETS = "/etc/storefront"
"""Folder of a pod in which each Secret has a folder of its own."""

_VARIABLES = {
    "postgres": "DATABASE",
    "rabbitmq": "RABBITMQ",
    "redis": "REDIS",
    "elasticsearch": "ELASTICSEARCH",
}
"""How the variables begin that tell a service about a store."""


@dataclass(frozen=True)
class Mount:
    """A Secret that a service's pods read: a folder of files below /etc/storefront."""

    name: str
    secret: str


class Microservice(Component):
    """A stateless Deployment; the schema of its database is migrated by a Job before a new image rolls out."""

    @property
    def templates(self) -> str:
        return "services"

    def settings(self, storefront: Storefront) -> Mapping[str, str]:
        """Plain settings beyond those about stores, as variables."""
        return {}

    def mounts(self, storefront: Storefront) -> Sequence[Mount]:
        """Secrets of external systems."""
        return ()

    def users(self, storefront: Storefront) -> Mapping[str, str]:
        """Variables that hold the user name of an external system → the Secret that has it as `username`."""
        return {}

    def missing(self, storefront: Storefront) -> str | None:
        """Which external system this service could use and is not told of, in words; None when it has all."""
        return None

    def migrate_arguments(self, storefront: Storefront) -> Sequence[str]:
        """Arguments of the command `migrate`; others ask for another run."""
        return ()

    def jobs(self, storefront: Storefront, observed: Observed) -> Sequence[OnceJob]:
        if not self._has_database:
            return ()
        server = store_address(storefront, "postgres")
        version = fingerprint(
            {
                "image": image_reference(storefront, self.name),
                "arguments": list(self.migrate_arguments(storefront)),
                "data": data_identity(storefront, observed),
                # A server that is another one now has no schema yet.
                **({"server": server} if is_external(storefront.spec["postgres"]) else {}),
            }
        )
        return (OnceJob(f"{self.name}-migrate", version, storefront.namespace("services")),)

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = self._spec(storefront)
        namespace = storefront.namespace("services")
        live = observed.get("Deployment", namespace, self.name)
        new_image = image_reference(storefront, self.name)
        due = [job for job in self.jobs(storefront, observed) if not job.is_done(storefront)]
        # The schema comes first: until the Job of a new image has succeeded, the old image keeps serving.
        image = rolled_out_image(observed, namespace, self.name) or new_image if due else new_image
        logins = {store: self._logins(storefront, observed, store) for store in self._stores}
        behind_gateway = self.name in BEHIND_THE_GATEWAY
        login_secrets = {
            store: secret
            for store in self._stores
            if (secret := self._login_secret(storefront, store, logins[store]))
        }
        mounts = [
            *(Mount(store, secret) for store, secret in login_secrets.items()),
            *([Mount("gateway", GATEWAY_SECRET)] if behind_gateway else []),
            *self.mounts(storefront),
        ]
        return {
            "workload": spec,
            "image": image,
            "new_image": new_image,
            "settings": {**self._store_settings(storefront), **self.settings(storefront)},
            "env": self._env(storefront, {**_user_variables(login_secrets), **self.users(storefront)}),
            "mounts": [asdict(mount) for mount in mounts],
            "credentials": [
                {"name": _copy_name(self.name, store, login), "data": login.encoded()}
                for store, pair in logins.items()
                for login in pair.values()
            ],
            "newest_gateway_credential": newest_credential(storefront, observed) if behind_gateway else None,
            "replicas": replicas_to_apply(spec, live),
            "migrate_job": due[0].object_name if due else None,
            # What only a running service needs must not hold its migration up.
            "migrate_env": self._env(storefront, _user_variables(login_secrets, "postgres")),
            "migrate_arguments": ["migrate", *self.migrate_arguments(storefront)],
        }

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        namespace = storefront.namespace("services")
        deployment = workload_health(observed, "Deployment", namespace, self.name)
        jobs = self.jobs(storefront, observed)
        judged = worst(deployment, job_health(storefront, observed, jobs, serving=deployment.ready))
        if judged.reason is Reason.AS_DESIRED:
            remarks = [*self._not_scaled(storefront, observed), *filter(None, [self.missing(storefront)])]
        else:
            remarks = self._awaited_secrets(storefront, observed)
        return replace(judged, message="; ".join([judged.message, *remarks]))

    @property
    def _stores(self) -> Sequence[str]:
        return STORES_OF_SERVICES[self.name]

    @property
    def _has_database(self) -> bool:
        return "postgres" in self._stores

    def _spec(self, storefront: Storefront) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = storefront.spec["services"][self.name]
        return spec

    def _not_scaled(self, storefront: Storefront, observed: Observed) -> list[str]:
        """What to say when the pods are not counted by what they use, although they should be."""
        namespace = storefront.namespace("services")
        scaler = observed.get("HorizontalPodAutoscaler", namespace, self.name)
        if scaler is None or not scaler.facts["withoutMetrics"]:
            return []
        where = f"HorizontalPodAutoscaler {namespace}/{self.name}"
        return [f"{where} gets no metrics, so it changes nothing: is there a metrics server?"]

    def _awaited_secrets(self, storefront: Storefront, observed: Observed) -> list[str]:
        """What a pod may be waiting for that somebody else has to make: the kubelet tells only in an event."""
        namespace = storefront.namespace("services")
        secrets = sorted({mount.secret for mount in self.mounts(storefront)})
        pods = observed.pods_of(namespace, self.name)
        if not secrets or not any(is_being_created(pod) for pod in pods):
            return []
        return [f"its containers are being created; they need Secret {namespace}/{name}" for name in secrets]

    def _logins(self, storefront: Storefront, observed: Observed, store: str) -> Mapping[str, Login]:
        """The generated logins to a store that pods may be using; none where a person gives them."""
        if store != "postgres" and is_external(storefront.spec[store]):
            return {}
        secret = observed.secret_data(storefront.namespace("data"), f"{store}-{self.name}")
        return used_logins(secret)

    def _login_secret(self, storefront: Storefront, store: str, logins: Mapping[str, Login]) -> str:
        """Name of the Secret that new pods log in to a store with; empty where no login is needed."""
        spec = storefront.spec[store]
        if is_external(spec) and store != "postgres":
            return str(spec["external"]["secretName"])
        if store == "elasticsearch":
            return ""
        return _copy_name(self.name, store, logins.get("current", Login(self.name, "")))

    def _store_settings(self, storefront: Storefront) -> dict[str, str]:
        settings: dict[str, str] = {}
        for store in self._stores:
            prefix = _VARIABLES[store]
            host, port = store_address(storefront, store)
            password_file = {f"{prefix}_PASSWORD_FILE": f"{_SECRETS}/{store}/password"}
            if store == "elasticsearch":
                spec = storefront.spec[store]
                external = is_external(spec)
                scheme = "https" if external and spec["external"].get("tls", True) else "http"
                settings |= {
                    f"{prefix}_URL": f"{scheme}://{host}:{port}",
                    **(password_file if external else {}),
                }
            else:
                settings |= {f"{prefix}_HOST": host, f"{prefix}_PORT": str(port), **password_file}
        if self._has_database:
            settings["DATABASE_NAME"] = self.name
            settings["DATABASE_POOL_SIZE"] = str(self._spec(storefront)["databasePoolSize"])
        if "rabbitmq" in self._stores:
            settings["RABBITMQ_VIRTUAL_HOST"] = VIRTUAL_HOST
        if self.name in BEHIND_THE_GATEWAY:
            settings["GATEWAY_CREDENTIAL_FILE"] = f"{_SECRETS}/gateway/credentials"
        return settings

    def _env(self, storefront: Storefront, users: Mapping[str, str]) -> list[dict[str, Any]]:
        """Variables of the container itself; the user's win, no name appears twice.

        `users` maps variables to the Secrets that hold their value as `username`. A user name is the pod's for life,
        like the mounted password: a container that is restarted must not find a newer one in a ConfigMap.
        """
        given = {entry["name"]: entry["value"] for entry in self._spec(storefront).get("extraEnv", ())}
        return [
            *(
                {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": "username"}}}
                for name, secret in users.items()
                if name not in given
            ),
            *({"name": name, "value": value} for name, value in given.items()),
        ]


def replicas_to_apply(spec: Mapping[str, Any], live: Child | None) -> int | None:
    """What to write into spec.replicas of a Deployment; None to leave the field to who owns it.

    With autoscaling it is ours until somebody else has set it: what an owner drops before that becomes 1, the default
    of the API. See docs/decisions/0033-replicas-are-handed-over.md.
    """
    autoscaling = spec["autoscaling"]
    if not autoscaling["enabled"]:
        return int(spec["replicas"])
    if live is None:
        return int(autoscaling["minReplicas"])
    return int(live.facts["replicas"]) if live.facts["ownsReplicas"] else None


def _user_variables(login_secrets: Mapping[str, str], *stores: str) -> dict[str, str]:
    """The variables with the user names of (some) stores, and the Secrets that hold them."""
    return {
        f"{_VARIABLES[store]}_USER": secret
        for store, secret in login_secrets.items()
        if not stores or store in stores
    }


def _copy_name(service: str, store: str, login: Login) -> str:
    """One Secret per login: `product-postgres`, and `product-postgres-b` for the login `product-b`."""
    return f"{service}-{store}{login.username.removeprefix(service)}"
