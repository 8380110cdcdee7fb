"""New credentials for the services, without a moment in which one of them cannot log in.

A person asks for them by the annotation `storefront.dev/rotate-credentials`. Every generated Secret that rotates then
goes through three states, each written in one step and only over the very state that was seen:

- prepared, when the store accepts the present logins: it holds the next one too, and the store is told of both;
- promoted, when the store does: the next login is the current one, the former is kept. Consumers roll;
- retired, when no pod of a consumer knows the former login: it is dropped, and the store is told to refuse it.

The Secret itself says how far it is, and for which value of the annotation: the operator can be killed anywhere.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from storefront_operator.api import Storefront
from storefront_operator.client import Client, resource_of
from storefront_operator.components import COMPONENTS, Component, GeneratedSecret, Rotation
from storefront_operator.components.logins import FORMER, NEXT, logins_of, second_user
from storefront_operator.components.workloads import is_rolled_out
from storefront_operator.engine.view import View
from storefront_operator.objects import Child, Observed

MARK = "rotation"
"""Key of a generated Secret: the value of the annotation that its newest login was made for."""

_PASSWORD_BYTES = 24


@dataclass(frozen=True)
class Step:
    """The next state of one Secret: values to set, and None for those to remove."""

    secret: Child
    data: Mapping[str, str | None]


def due_steps(storefront: Storefront, observed: Observed) -> list[Step]:
    """What may be done now, given that every object is as desired."""
    steps = []
    accepting = _accepting(storefront, observed)
    for component, wanted, rotation, live in _rotating(storefront, observed):
        data = live.facts["data"]
        logins = logins_of(data)
        if "current" not in logins:
            continue
        if "former" in logins:
            if all(is_rolled_out(observed, consumer) for consumer in rotation.consumers):
                steps.append(Step(live, {f"{FORMER}username": None, f"{FORMER}password": None}))
        elif "next" in logins:
            if accepting(component):
                steps.append(Step(live, _promoted(data)))
        # A Job that is still under way with older logins could retire what a newer one has just made.
        elif _is_requested(storefront) and _mark(data) != storefront.rotation and accepting(component):
            steps.append(Step(live, _prepared(storefront, wanted, logins["current"].username)))
    return steps


async def take(client: Client, view: View, step: Step) -> None:
    """Write the next state, if the Secret is still as it was seen. Raises `ApiError` and `ApiUnavailableError`."""
    key = step.secret.key
    patch = {
        "metadata": {"uid": step.secret.uid, "resourceVersion": step.secret.resource_version},
        "data": step.data,
    }
    live = await client.patch(resource_of("Secret"), key.namespace, key.name, patch)
    view.learn(key, live)


def is_under_way(storefront: Storefront, observed: Observed) -> bool:
    """Whether a rotation is asked for, or one that was begun has not ended."""
    return _is_requested(storefront) or any(
        len(logins_of(live.facts["data"])) > 1 for _, _, _, live in _rotating(storefront, observed)
    )


def is_complete(storefront: Storefront, observed: Observed) -> bool:
    """Whether every login is the one that was asked for, and the stores accept these and no other."""
    rotating = list(_rotating(storefront, observed))
    return (
        _is_requested(storefront)
        and len(rotating) == sum(1 for _ in _rotatable(storefront))
        and all(
            _mark(live.facts["data"]) == storefront.rotation and len(logins_of(live.facts["data"])) == 1
            for _, _, _, live in rotating
        )
        and all(component.accepts_credentials(storefront, observed) for component, _, _, _ in rotating)
    )


def mark_of_new(storefront: Storefront, wanted: GeneratedSecret) -> Mapping[str, str]:
    """What a Secret that is made now holds besides: it is new enough for what is asked for already."""
    return {MARK: storefront.rotation} if wanted.rotation and storefront.rotation else {}


def _is_requested(storefront: Storefront) -> bool:
    return storefront.rotation not in ("", storefront.rotated)


def _accepting(storefront: Storefront, observed: Observed) -> Callable[[Component], bool]:
    """Asks each component once."""
    return cache(lambda component: component.accepts_credentials(storefront, observed))


def _rotatable(storefront: Storefront) -> Iterator[tuple[Component, GeneratedSecret, Rotation]]:
    for component in COMPONENTS:
        for wanted in component.secrets(storefront):
            if wanted.rotation is not None:
                yield component, wanted, wanted.rotation


def _rotating(
    storefront: Storefront, observed: Observed
) -> Iterator[tuple[Component, GeneratedSecret, Rotation, Child]]:
    for component, wanted, rotation in _rotatable(storefront):
        live = observed.get("Secret", wanted.namespace, wanted.name)
        if live is not None and not live.deleting and live.facts.get("data"):
            yield component, wanted, rotation, live


def _prepared(storefront: Storefront, wanted: GeneratedSecret, user: str) -> Mapping[str, str]:
    first = wanted.fixed["username"]
    return {
        f"{NEXT}username": _encoded(first if user != first else second_user(first)),
        f"{NEXT}password": _encoded(secrets.token_urlsafe(_PASSWORD_BYTES)),
        MARK: _encoded(storefront.rotation),
    }


def _promoted(data: Mapping[str, str]) -> Mapping[str, str | None]:
    return {
        f"{FORMER}username": data["username"],
        f"{FORMER}password": data["password"],
        "username": data[f"{NEXT}username"],
        "password": data[f"{NEXT}password"],
        f"{NEXT}username": None,
        f"{NEXT}password": None,
    }


def _mark(data: Mapping[str, str]) -> str:
    return base64.b64decode(data.get(MARK, "")).decode()


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
