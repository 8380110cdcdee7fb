"""What to write and what to delete, given what is wanted and what is there; pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from sys import intern

from storefront_operator.objects import Child, ChildKey, Manifest, Observed, key_of
from storefront_operator.objects.fingerprint import desired_fingerprint
from storefront_operator.objects.labels import DESIRED_HASH, GENERATED


class Why(StrEnum):
    """Why an object is written."""

    CREATE = "created"
    UPDATE = "updated"
    DRIFT = "drift"


_WAVES: Sequence[frozenset[str]] = (
    frozenset({"Namespace"}),
    frozenset(
        {"ServiceAccount", "Role", "Secret", "ConfigMap", "Service", "NetworkPolicy", "PodDisruptionBudget"}
    ),
    # The API server looks a binding's Role up, to see whether the operator may grant it: so it comes after.
    frozenset({"RoleBinding", "StatefulSet", "Job", "Deployment", "HorizontalPodAutoscaler"}),
)
"""Kinds in the order in which they are written. A wave orders writes; it does not wait for health."""

_NEVER_PRUNED = frozenset({"Namespace", "Pod", "PersistentVolumeClaim"})


@dataclass(frozen=True)
class Wanted:
    """One object that is desired, and its fingerprint."""

    key: ChildKey
    manifest: Manifest
    desired_hash: str

    @classmethod
    def of(cls, manifest: Manifest) -> Wanted:
        """A rendered object with its fingerprint."""
        return cls(key_of(manifest), manifest, intern(desired_fingerprint(manifest)))


@dataclass(frozen=True)
class Write:
    """One object to apply; `manifest` carries its own fingerprint as an annotation."""

    key: ChildKey
    manifest: Manifest
    desired_hash: str
    why: Why


@dataclass(frozen=True)
class Plan:
    """Writes in waves, then deletions that are only due when every write has succeeded."""

    waves: Sequence[Sequence[Write]]
    prune: Sequence[Child]
    blocked_namespaces: frozenset[str] = frozenset()
    """Namespaces that are being deleted: what belongs in them waits until they are gone and made anew."""

    @property
    def is_empty(self) -> bool:
        """Nothing to do: the steady state."""
        return not self.prune and not any(self.waves)


def make_plan(
    desired: Iterable[Wanted],
    observed: Observed,
    applied: Mapping[ChildKey, tuple[str, str]],
    steady: Container[ChildKey] = (),
) -> Plan:
    """Compare desired objects with live ones; `steady` are further ones that are known to be as desired.

    `applied` remembers, per key, the (desired hash, owned hash) after the own last write: a live object whose
    owned fields still hash to that value is untouched, even where the API server has normalised a value.
    """
    waves: list[list[Write]] = [[] for _ in _WAVES]
    keys: set[ChildKey] = set()
    blocked = frozenset(child.key.name for child in observed.of_kind("Namespace") if child.deleting)
    for wanted in desired:
        key = wanted.key
        keys.add(key)
        if key.namespace in blocked:
            continue
        why = _why(key.kind, wanted.desired_hash, observed.children.get(key), applied.get(key))
        if why is not None:
            manifest = _annotated(wanted.manifest, wanted.desired_hash)
            waves[_wave_of(key.kind)].append(Write(key, manifest, wanted.desired_hash, why))
    prune = [
        child
        for key, child in observed.children.items()
        if key not in keys and key not in steady and not child.deleting and _is_prunable(child)
    ]
    return Plan(waves, prune, blocked)


def is_steady(
    desired: Mapping[ChildKey, str],
    observed: Observed,
    applied: Mapping[ChildKey, tuple[str, str]],
) -> bool:
    """Whether nothing would be written for these desired hashes; costs no rendering."""
    return all(
        _why(key.kind, desired_hash, observed.children.get(key), applied.get(key)) is None
        for key, desired_hash in desired.items()
    )


def _why(kind: str, desired_hash: str, live: Child | None, applied: tuple[str, str] | None) -> Why | None:
    if live is None:
        # Jobs that have failed are removed by Kubernetes in the end, to be tried again.
        return Why.DRIFT if applied and kind != "Job" else Why.CREATE
    if live.deleting:
        return None  # it is created again when it is gone
    if live.desired_hash != desired_hash:
        # The annotation is ours too: when it differs from what we wrote last, somebody has touched the object.
        return Why.DRIFT if applied and applied[0] == desired_hash else Why.UPDATE
    if live.owned_hash == desired_hash:
        return None
    return None if applied == (desired_hash, live.owned_hash) else Why.DRIFT


def _is_prunable(child: Child) -> bool:
    """Only what was applied by the operator; never claims, namespaces or generated credentials."""
    return bool(child.desired_hash) and child.key.kind not in _NEVER_PRUNED and GENERATED not in child.labels


def _wave_of(kind: str) -> int:
    return next(number for number, kinds in enumerate(_WAVES) if kind in kinds)


def _annotated(manifest: Manifest, desired_hash: str) -> Manifest:
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), DESIRED_HASH: desired_hash}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}
