"""Carry out a plan: waves of server-side applies, then pruning."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from storefront_operator.client import ApiError, ApiUnavailableError, Client, resource_of
from storefront_operator.client.resources import NAMESPACES
from storefront_operator.engine import metrics
from storefront_operator.engine.plan import Plan, Write
from storefront_operator.engine.view import View
from storefront_operator.objects import Child, ChildKey, Manifest, owned_fields
from storefront_operator.objects.labels import FIELD_MANAGER, STOREFRONT


class NamespaceConflictError(Exception):
    """A namespace of the wanted name exists and is not this Storefront's."""


@dataclass(frozen=True)
class Failure:
    """One object that could not be written or deleted."""

    key: ChildKey
    error: Exception

    @property
    def retry_after(self) -> float:
        """Seconds the API server asked to wait, or 0."""
        return (isinstance(self.error, ApiError) and self.error.retry_after) or 0.0

    def __str__(self) -> str:
        return f"{self.key}: {self.error}"


@dataclass
class Outcome:
    """What a pass has changed and what has failed."""

    written: list[Write] = field(default_factory=list)
    pruned: list[Child] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    complete: bool = True
    """Every write has succeeded and nothing was held back."""


class Applier:
    """Writes plans through one client."""

    def __init__(self, client: Client, view: View) -> None:
        self._client = client
        self._view = view
        self.applied: dict[str, dict[ChildKey, tuple[str, str]]] = {}
        """Per Storefront: what each child hashed to after the own last write."""

    async def execute(self, storefront: str, plan: Plan) -> Outcome:
        """Apply all waves, then prune when nothing failed or was held back."""
        outcome = Outcome(complete=not plan.blocked_namespaces)
        failed_namespaces: set[str] = set()
        for wave in plan.waves:
            due = [write for write in wave if write.key.namespace not in failed_namespaces]
            results = await asyncio.gather(*(self._apply(storefront, write) for write in due))
            for write, error in zip(due, results, strict=True):
                if error is None:
                    outcome.written.append(write)
                    continue
                outcome.failures.append(Failure(write.key, error))
                if write.key.kind == "Namespace":
                    failed_namespaces.add(write.key.name)
            outcome.complete = outcome.complete and len(due) == len(wave)
        outcome.complete = outcome.complete and not outcome.failures
        if outcome.complete:
            await self._prune(storefront, plan.prune, outcome)
        return outcome

    async def delete(self, child: Child) -> Exception | None:
        """Delete exactly this object in exactly this state; returns the error instead of raising it."""
        try:
            await self._client.delete(
                resource_of(child.key.kind),
                child.key.namespace,
                child.key.name,
                uid=child.uid,
                resource_version=child.resource_version,
            )
        except (ApiError, ApiUnavailableError) as error:
            metrics.WRITES.labels(kind=child.key.kind, outcome="error").inc()
            return error
        metrics.WRITES.labels(kind=child.key.kind, outcome="deleted").inc()
        return None

    def forget(self, storefront: str) -> None:
        """Drop what is remembered of a Storefront that is gone."""
        self.applied.pop(storefront, None)

    async def _apply(self, storefront: str, write: Write) -> Exception | None:
        resource = resource_of(write.key.kind)
        try:
            if resource is NAMESPACES:
                live = await self._write_namespace(storefront, write)
            else:
                live = await self._client.apply(resource, write.manifest, FIELD_MANAGER)
        except ApiError as error:
            metrics.WRITES.labels(kind=write.key.kind, outcome="error").inc()
            if write.key.kind == "Job" and error.status == 422:
                await self._replace_job(storefront, write)
            return error
        except (ApiUnavailableError, NamespaceConflictError) as error:
            metrics.WRITES.labels(kind=write.key.kind, outcome="error").inc()
            return error
        child = self._view.learn(write.key, live)
        self.applied.setdefault(storefront, {})[write.key] = (write.desired_hash, child.owned_hash)
        metrics.WRITES.labels(kind=write.key.kind, outcome=write.why.value).inc()
        return None

    async def _write_namespace(self, storefront: str, write: Write) -> Manifest:
        """Apply a namespace that is this Storefront's or does not exist.

        A bare apply would silently adopt one that somebody else has made. So what is in the cache is applied to that
        very object, and what is not is looked up first.
        """
        manifest = write.manifest
        known = self._view.observe(storefront).children.get(write.key)
        if known is not None:
            manifest = {**manifest, "metadata": {**manifest["metadata"], "uid": known.uid}}
        elif live := await self._client.get(NAMESPACES, "", write.key.name):
            self._refuse_foreign(storefront, write, live)
        return await self._client.apply(NAMESPACES, manifest, FIELD_MANAGER)

    @staticmethod
    def _refuse_foreign(storefront: str, write: Write, live: Manifest) -> None:
        owner = live["metadata"].get("labels", {}).get(STOREFRONT)
        stripped = owner is None and bool(owned_fields(live))  # ours, but somebody took the label off
        if owner != storefront and not stripped:
            raise NamespaceConflictError(
                f"Namespace {write.key.name} exists and belongs to "
                f"{'Storefront ' + owner if owner else 'somebody else'}; "
                "delete it, or give this Storefront another name"
            )

    async def _replace_job(self, storefront: str, write: Write) -> None:
        """A Job's template cannot be changed: delete the old one, the retry creates it anew."""
        child = self._view.observe(storefront).children.get(write.key)
        if child is not None:
            await self._client.delete(resource_of("Job"), child.key.namespace, child.key.name, uid=child.uid)

    async def _prune(self, storefront: str, children: Sequence[Child], outcome: Outcome) -> None:
        results = await asyncio.gather(*(self.delete(child) for child in children))
        for child, error in zip(children, results, strict=True):
            if error is None:
                outcome.pruned.append(child)
                self.applied.get(storefront, {}).pop(child.key, None)
            else:
                outcome.failures.append(Failure(child.key, error))
