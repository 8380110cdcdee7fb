"""What a component is: a module that says which objects it wants and how healthy they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from storefront_operator.api import Storefront
from storefront_operator.client import Client
from storefront_operator.objects import ChildKey, Observed


class Reason(StrEnum):
    """Reasons of conditions; each has an entry in docs/conditions.md."""

    AS_DESIRED = "AsDesired"
    PROVISIONING = "Provisioning"
    ROLLING_OUT = "RollingOut"
    MIGRATING = "Migrating"
    DEGRADED = "Degraded"
    UNAVAILABLE = "Unavailable"
    POD_FAILING = "PodFailing"
    ADDRESS_PENDING = "AddressPending"
    DEPENDENCY_MISSING = "DependencyMissing"
    JOB_FAILED = "JobFailed"
    FAILING_OVER = "FailingOver"
    APPLY_FAILED = "ApplyFailed"
    INVALID_SPEC = "InvalidSpec"
    NAMESPACE_CONFLICT = "NamespaceConflict"
    DELETING = "Deleting"
    PAUSED = "Paused"


@dataclass(frozen=True)
class Health:
    """Judgement of one component.

    `ready` means it does its job. `progressing` means the operator or Kubernetes is still changing it.
    """

    ready: bool
    reason: Reason
    message: str
    progressing: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    dispensable: frozenset[str] = frozenset()
    """Of a store that is not as desired: pods without which it would serve no worse, such as the one at fault."""


@dataclass(frozen=True)
class Rotation:
    """New credentials replace those of a generated Secret: two users alternate, see engine/rotation.py.

    `consumers` are the workloads that log in with it.
    """

    consumers: Sequence[ChildKey] = ()


@dataclass(frozen=True)
class GeneratedSecret:
    """A Secret whose values are made once: kept for ever in the data namespace, or until its inputs change.

    `fixed` are plain values, `random` names of values to generate, `hosts` (when given) asks for a self-signed
    TLS certificate for these names as `tls.crt` and `tls.key`. With a `rotation` it is exchanged when a person asks.
    """

    namespace: str
    name: str
    component: str
    fixed: Mapping[str, str] = field(default_factory=dict)
    random: Sequence[str] = ()
    hosts: Sequence[str] = ()
    rotation: Rotation | None = None


@dataclass(frozen=True)
class OnceJob:
    """Work that a Job does once per `version`; it leaves the cluster when the status records its success."""

    name: str
    version: str
    namespace: str

    @property
    def object_name(self) -> str:
        """Name of the Job object."""
        return f"{self.name}-{self.version[:8]}"

    def is_done(self, storefront: Storefront) -> bool:
        """Whether the status records that this version of the work has succeeded."""
        return storefront.completed_jobs.get(self.name) == self.version


@dataclass(frozen=True)
class Inquiry:
    """What a store is asked on its management port: `paths` of the base `url`, each answered with JSON.

    `members` is how many members should answer for themselves.
    """

    url: str
    paths: Sequence[str]
    members: int
    username: str = ""
    password: str = field(default="", repr=False)


Asking = Callable[["Component", Inquiry], Awaitable[Health | None]]
"""Asks a store now; None when it does not answer."""


class Action(Protocol):
    """Something that is done to a store beyond its objects. Whether it is due is decided purely; `run` does it."""

    @property
    def event(self) -> str:
        """Reason of the event that tells what was done."""
        ...

    @property
    def warning(self) -> bool:
        """Whether that event is a warning."""
        ...

    async def run(self, client: Client, ask: Asking) -> str | None:
        """Do it if it is still due; returns what was done, for an event, or None while it has to wait.

        Raises `ApiError` and `ApiUnavailableError`; the pass is then tried again.
        """
        ...


class Component(ABC):
    """One part of the platform."""

    name: str
    condition: str

    @property
    def templates(self) -> str:
        """Folder of its templates."""
        return self.name

    def secrets(self, storefront: Storefront) -> Sequence[GeneratedSecret]:
        """Secrets to generate before anything is rendered."""
        return ()

    def jobs(self, storefront: Storefront, observed: Observed) -> Sequence[OnceJob]:
        """Once-only work, done or not."""
        return ()

    def accepts_credentials(self, storefront: Storefront, observed: Observed) -> bool:
        """Whether the store accepts every login of the generated Secrets as they are now, and no other."""
        return all(job.is_done(storefront) for job in self.jobs(storefront, observed))

    def repairs(self, storefront: Storefront, observed: Observed) -> Sequence[Action]:
        """What ends an outage; it comes before everything else."""
        return ()

    def rollout(self, storefront: Storefront, observed: Observed) -> Action | None:
        """The next step of a rolling change; it comes when every object is as desired."""
        return None

    def inquiry(self, storefront: Storefront, observed: Observed) -> Inquiry | None:
        """What the store itself is asked between passes; None for what has no management port."""
        return None

    def judge(self, inquiry: Inquiry, answers: Sequence[Any]) -> Health:
        """Judge what was answered, path by path; None where the store answered with an error."""
        raise NotImplementedError

    @abstractmethod
    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        """What the templates may use besides the common context."""

    @abstractmethod
    def health(self, storefront: Storefront, observed: Observed) -> Health:
        """Judge the live children."""
