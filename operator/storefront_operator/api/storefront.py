"""A Storefront as the engine and the components see it: identity, effective spec, namespaces, last status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from storefront_operator.api import connection_budget
from storefront_operator.api.profiles import Values, effective
from storefront_operator.api.spec import MAX_NAME_LENGTH, NAME_PATTERN, StorefrontSpec
from storefront_operator.objects.labels import ROTATE

GROUP_VERSION = "storefront.dev/v1alpha1"
KIND = "Storefront"
LAYERS = ("edge", "frontend", "services", "data")


class InvalidStorefrontError(Exception):
    """The resource cannot mean anything; `problems` holds one line each: field, value, what is allowed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True)
class Storefront:
    """One Storefront with every default filled in; `spec` is plain camelCase data."""

    name: str
    uid: str
    generation: int
    spec: Values
    status: Mapping[str, Any] = field(default_factory=dict)
    rotation: str = ""
    """What the annotation that asks for new credentials says; empty when there is none."""

    def namespace(self, layer: str) -> str:
        """Namespace of a layer of the platform: edge, frontend, services or data."""
        if layer not in LAYERS:
            raise KeyError(layer)
        return f"{self.name}-{layer}"

    @property
    def completed_jobs(self) -> Mapping[str, str]:
        """Which once-only Jobs have succeeded: name of the job → the version of the work that is done."""
        jobs: Mapping[str, str] = self.status.get("completedJobs") or {}
        return jobs

    @property
    def rotated(self) -> str:
        """The value of the annotation whose rotation of credentials is complete."""
        return str(self.status.get("rotatedCredentials") or "")


def parse_storefront(resource: Mapping[str, Any]) -> Storefront:
    """Read a resource as it comes from the API or a file. Raises `InvalidStorefrontError`."""
    problems = []
    if resource.get("apiVersion") != GROUP_VERSION:
        problems.append(
            f"apiVersion: {resource.get('apiVersion')!r} is not allowed; allowed: {GROUP_VERSION}"
        )
    if resource.get("kind") != KIND:
        problems.append(f"kind: {resource.get('kind')!r} is not allowed; allowed: {KIND}")
    metadata = resource.get("metadata")
    name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
    if not re.match(NAME_PATTERN, name) or len(name) > MAX_NAME_LENGTH:
        problems.append(
            f"metadata.name: {name!r} is not allowed; allowed: a DNS label of at most {MAX_NAME_LENGTH} characters"
        )
    try:
        spec = StorefrontSpec.model_validate(resource.get("spec"))
    except ValidationError as error:
        problems += [_problem(details) for details in error.errors()]
    if problems:
        raise InvalidStorefrontError(problems)
    values = effective(spec)
    if problems := _contradictions(values):
        raise InvalidStorefrontError(problems)
    assert isinstance(metadata, dict)
    return Storefront(
        name=name,
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 0),
        spec=values,
        status=resource.get("status") or {},
        rotation=(metadata.get("annotations") or {}).get(ROTATE, ""),
    )


def _contradictions(spec: Values) -> list[str]:
    """What is wrong between fields once the defaults are known."""
    problems = []
    for name, service in spec["services"].items():
        least, most = service["autoscaling"]["minReplicas"], service["autoscaling"]["maxReplicas"]
        if most < least:
            problems.append(
                f"spec.services.{name}.autoscaling.maxReplicas: {most} is not allowed; allowed: {least} or more, "
                "the least number of pods (minReplicas, or else replicas)"
            )
    too_many = connection_budget.problem_with(spec)
    return [*problems, too_many] if too_many else problems


def _problem(error: Any) -> str:
    """One line a person can act on. `error` is one item of pydantic's ValidationError.errors()."""
    path = ".".join(["spec", *(str(part) for part in error["loc"])])
    value = error.get("input")
    match error["type"]:
        case "missing":
            return f"{path}: is required"
        case "extra_forbidden":
            return f"{path}: is not a field of a Storefront"
        case "string_pattern_mismatch":
            return f"{path}: {value!r} is not allowed; allowed: text that matches {error['ctx']['pattern']}"
        case "enum":
            return f"{path}: {value!r} is not allowed; allowed: {error['ctx']['expected']}"
        case "value_error":
            return f"{path}: {error['msg'].removeprefix('Value error, ')}"
        case _:
            return f"{path}: {value!r} is not allowed; {error['msg'][0].lower()}{error['msg'][1:]}"
