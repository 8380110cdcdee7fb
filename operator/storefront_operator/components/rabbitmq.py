"""RabbitMQ: a cluster of equal members with quorum queues; the events between services."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.api.quantities import parse_quantity
from storefront_operator.components.base import (
    GeneratedSecret,
    Health,
    Inquiry,
    OnceJob,
    Rotation,
)
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.connections import deployment_of
from storefront_operator.components.equal_members import EqualMembers
from storefront_operator.components.external import is_external
from storefront_operator.components.logins import Login, logins_of, second_user
from storefront_operator.components.postgres import data_identity
from storefront_operator.components.rabbitmq_live import PATHS, live_health
from storefront_operator.components.rabbitmq_topology import (
    SERVICES,
    Credentials,
    Definitions,
    boot_definitions,
    topology,
)
from storefront_operator.objects import Observed, fingerprint

IMPORT_JOB = "rabbitmq-definitions"
ADMIN_SECRET = "rabbitmq-admin"  # noqa: S105 - a name
MONITOR_SECRET = "rabbitmq-monitor"  # noqa: S105 - a name
COOKIE_SECRET = "rabbitmq-cookie"  # noqa: S105 - a name

_HEADLESS_SERVICE = "rabbitmq-members"
_MEMORY_SHARE = 0.6
"""Of the memory limit: above it publishers are held back; the rest is for what the Erlang VM does not count."""
_LOG_SHARE = 0.125
"""Of the memory limit: size of a write-ahead log file of the quorum queues, whose content is also in memory."""
_FREE_DISK_SHARE = 0.1
"""Of a volume: with less space left publishers are held back."""


class RabbitMq(EqualMembers):
    """A StatefulSet whose members know each other by name, and a Job that imports users and queues."""

    name = "rabbitmq"
    condition = "RabbitmqReady"

    def secrets(self, storefront: Storefront) -> Sequence[GeneratedSecret]:
        if is_external(storefront.spec["rabbitmq"]):
            return ()
        namespace = storefront.namespace("data")
        users = {ADMIN_SECRET: "admin", MONITOR_SECRET: "monitor"}
        return [
            GeneratedSecret(namespace, COOKIE_SECRET, self.name, {}, ("cookie",)),
            *(
                GeneratedSecret(namespace, name, self.name, {"username": user}, ("password",))
                for name, user in users.items()
            ),
            *(
                GeneratedSecret(
                    namespace,
                    user_secret(service),
                    self.name,
                    {"username": service},
                    ("password",),
                    rotation=Rotation([deployment_of(storefront, service)]),
                )
                for service in SERVICES
            ),
        ]

    def jobs(self, storefront: Storefront, observed: Observed) -> Sequence[OnceJob]:
        if is_external(storefront.spec["rabbitmq"]):
            return ()
        return (_import_job(storefront, observed, self._topology(storefront, observed)),)

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["rabbitmq"]
        if is_external(spec):
            return {"managed": False}
        definitions = self._topology(storefront, observed)
        job = _import_job(storefront, observed, definitions)
        names = [f"rabbitmq-{ordinal}" for ordinal in range(spec["members"])]
        hosts = [f"{name}.{_HEADLESS_SERVICE}" for name in names]
        admin = _credentials(storefront, observed, ADMIN_SECRET)
        monitor = _credentials(storefront, observed, MONITOR_SECRET)
        return {
            "managed": True,
            "workload": spec,
            "members": spec["members"],
            "hosts": hosts,
            "storage": spec["storage"],
            "image": image_reference(storefront, "rabbitmq"),
            "env": merged_env(_environment(spec["resources"], hosts), spec),
            **_limits(spec),
            "boot_definitions": _encoded(boot_definitions(admin, monitor)),
            "definitions": _encoded(definitions),
            "retired_users": _retired_users(storefront, observed),
            "import_job": None if job.is_done(storefront) else job.object_name,
            "admin_secret": ADMIN_SECRET,
            "cookie_secret": COOKIE_SECRET,
        }

    def inquiry(self, storefront: Storefront, observed: Observed) -> Inquiry | None:
        spec = storefront.spec["rabbitmq"]
        monitor = None if is_external(spec) else _credentials(storefront, observed, MONITOR_SECRET)
        if monitor is None:
            return None
        url = f"http://{self.name}.{storefront.namespace('data')}.svc:15672"
        return Inquiry(url, PATHS, spec["members"], monitor.username, monitor.password)

    def judge(self, inquiry: Inquiry, answers: Sequence[Any]) -> Health:
        nodes, queues = answers
        return live_health(nodes, queues, inquiry.members)

    def _topology(self, storefront: Storefront, observed: Observed) -> Definitions:
        users = {
            service: [Credentials(*login) for login in logins]
            for service, logins in _logins(storefront, observed).items()
        }
        return topology(users, storefront.spec["rabbitmq"]["members"])


def _import_job(storefront: Storefront, observed: Observed, definitions: Definitions) -> OnceJob:
    version = fingerprint({"data": data_identity(storefront, observed), "definitions": definitions})
    return OnceJob(IMPORT_JOB, version, storefront.namespace("data"))


def _logins(storefront: Storefront, observed: Observed) -> Mapping[str, Sequence[Login]]:
    """Each service's logins; which of them is the current one makes no difference to the store."""
    namespace = storefront.namespace("data")
    return {
        service: sorted(logins_of(observed.secret_data(namespace, user_secret(service))).values())
        for service in SERVICES
    }


def _retired_users(storefront: Storefront, observed: Observed) -> list[str]:
    """Of the two users that a service's credentials alternate between, those that nobody is given now."""
    return [
        user
        for service, logins in _logins(storefront, observed).items()
        if logins
        for user in (service, second_user(service))
        if user not in {login.username for login in logins}
    ]


def user_secret(service: str) -> str:
    """Name of the generated Secret with a service's user."""
    return f"rabbitmq-{service}"


def _credentials(storefront: Storefront, observed: Observed, secret: str) -> Credentials | None:
    data = observed.secret_data(storefront.namespace("data"), secret)
    if not data:
        return None
    username, password = (base64.b64decode(data[key]).decode() for key in ("username", "password"))
    return Credentials(username, password)


def _environment(resources: Mapping[str, Any], hosts: Sequence[str]) -> dict[str, str]:
    cpu = resources.get("limits", {}).get("cpu") or resources.get("requests", {}).get("cpu") or "1"
    schedulers = max(1, math.ceil(parse_quantity(cpu)))
    return {
        # The short form of the members' names is found in every cluster, whatever its domain is.
        "RABBITMQ_NODENAME": f"rabbit@$(POD_NAME).{_HEADLESS_SERVICE}",
        "RABBITMQ_USE_LONGNAME": "true",
        "RABBITMQ_PEERS": " ".join(hosts),
        "RABBITMQ_CONFIG_FILE": "/etc/storefront/rabbitmq/rabbitmq.conf",
        "RABBITMQ_ADVANCED_CONFIG_FILE": "/etc/storefront/rabbitmq/advanced.config",
        "RABBITMQ_ENABLED_PLUGINS_FILE": "/etc/storefront/rabbitmq/enabled_plugins",
        "RABBITMQ_MNESIA_BASE": "/var/lib/rabbitmq/mnesia",
        # Also where it logs to the console, it opens a file of its own when it upgrades its data.
        "RABBITMQ_LOG_BASE": "/tmp",  # noqa: S108 - the pod's own
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_DIST_PORT": "25672",
        # Idle schedulers sleep instead of spinning; there are as many as the pod has cores.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            f"+S {schedulers}:{schedulers} +sbwt none +sbwtdcpu none +sbwtdio none"
        ),
        "ERL_MAX_PORTS": "4096",
    }


def _limits(spec: Mapping[str, Any]) -> dict[str, int]:
    """Sizes in bytes from the pod's memory limit (or request) and its volume."""
    resources = spec["resources"]
    amount = resources.get("limits", {}).get("memory") or resources.get("requests", {}).get("memory") or "1Gi"
    memory = int(parse_quantity(amount))
    return {
        "memory_limit": memory,
        "memory_watermark": int(memory * _MEMORY_SHARE),
        "log_size": int(memory * _LOG_SHARE),
        "free_disk": int(int(parse_quantity(spec["storage"]["size"])) * _FREE_DISK_SHARE),
    }


def _encoded(definitions: Definitions) -> str:
    return base64.b64encode(json.dumps(definitions).encode()).decode()
