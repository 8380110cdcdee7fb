"""One operator at a time: leader election with a Lease (coordination.k8s.io/v1).

The rules are those of client-go's leaderelection package: a lease that its holder has not renewed for its whole
duration, *by the observer's own clock*, may be taken over; every write carries the resourceVersion that was read,
so of two candidates one loses.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Any, NamedTuple

import structlog

from storefront_operator.client import ApiError, ApiUnavailableError, Client, Resource

log = structlog.get_logger()

DURATION = 12.0
"""Seconds a lease is good for without renewal."""
RENEW_DEADLINE = 8.0
"""Seconds after which a leader that cannot renew gives up; earlier than anybody may take over."""
RETRY = 2.0
"""Seconds between two attempts."""

_LEASES = Resource("coordination.k8s.io/v1", "Lease", "leases")


class LeaseName(NamedTuple):
    """Where the lease is."""

    namespace: str
    name: str


class LeadershipLostError(Exception):
    """The lease could not be renewed in time; the process must end, for another one may lead already."""


class Leadership:
    """A candidate for one lease."""

    def __init__(self, client: Client, lease: LeaseName, identity: str) -> None:
        self._client, self._lease, self._identity = client, lease, identity
        self._seen: tuple[Any, ...] = ()
        self._seen_at = 0.0

    async def acquire(self) -> None:
        """Return when this process holds the lease."""
        waiting_for = ""
        while True:
            try:
                holder = await self._try()
            except (ApiError, ApiUnavailableError) as error:
                holder = f"unknown ({error})"
            if holder == self._identity:
                log.info("leading", lease="/".join(self._lease), identity=self._identity)
                return
            if holder != waiting_for:
                log.info("waiting to lead", lease="/".join(self._lease), holder=holder)
                waiting_for = holder
            await asyncio.sleep(RETRY)

    async def hold(self) -> None:
        """Renew until cancelled. Raises `LeadershipLostError`."""
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(RETRY)
            try:
                async with asyncio.timeout(RENEW_DEADLINE - (time.monotonic() - renewed)):
                    holder = await self._try()
            except (ApiError, ApiUnavailableError, TimeoutError) as error:
                if time.monotonic() - renewed + RETRY >= RENEW_DEADLINE:
                    raise LeadershipLostError(f"the lease could not be renewed: {error}") from error
                continue
            if holder != self._identity:
                raise LeadershipLostError(f"the lease is held by {holder} now")
            renewed = time.monotonic()

    async def release(self) -> None:
        """Let go of the lease, so that the next one need not wait for it to run out."""
        try:
            lease = await self._client.get(_LEASES, *self._lease)
            if lease is not None and lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._client.replace(_LEASES, lease)
        except (ApiError, ApiUnavailableError) as error:
            log.warning("lease not released", error=str(error))

    async def _try(self) -> str:
        """One attempt to get or keep the lease; returns who holds it."""
        lease = await self._client.get(_LEASES, *self._lease)
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = {"holderIdentity": self._identity, "leaseDurationSeconds": int(DURATION), "renewTime": now}
        if lease is None:
            metadata = {"namespace": self._lease.namespace, "name": self._lease.name}
            spec = {**mine, "acquireTime": now, "leaseTransitions": 0}
            body = {"apiVersion": _LEASES.group_version, "kind": "Lease", "metadata": metadata, "spec": spec}
            return await self._write(self._client.create(_LEASES, body))
        spec = lease["spec"]
        holder = spec.get("holderIdentity") or ""
        if holder == self._identity:
            return await self._write(self._client.replace(_LEASES, {**lease, "spec": {**spec, **mine}}))
        record = (holder, spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._seen:
            self._seen, self._seen_at = record, time.monotonic()
        if holder and time.monotonic() - self._seen_at < (spec.get("leaseDurationSeconds") or DURATION):
            return str(holder)
        taken = {**mine, "acquireTime": now, "leaseTransitions": (spec.get("leaseTransitions") or 0) + 1}
        return await self._write(self._client.replace(_LEASES, {**lease, "spec": {**spec, **taken}}))

    async def _write(self, request: Any) -> str:
        try:
            written = await request
        except ApiError as error:
            if error.status == 409:
                return "another candidate"
            raise
        return str(written["spec"]["holderIdentity"])
