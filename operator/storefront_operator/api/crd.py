"""The CustomResourceDefinition, generated from the models.

Defaults stay out of the schema: the API server would write them into each object, GitOps tools would see a
difference to git, and a better default could never reach an existing Storefront.
"""

from __future__ import annotations

from typing import Any

from storefront_operator.api.spec import (
    CLUSTER_WIDE_PARAMETERS,
    IMAGE_NAMES,
    MAX_NAME_LENGTH,
    NAME_PATTERN,
    POOL_SIZE_VARIABLE,
    RESERVED_ENV_PREFIXES,
    StorefrontSpec,
)
from storefront_operator.api.storefront import GROUP_VERSION, KIND

Schema = dict[str, Any]

CRD_NAME = "storefronts.storefront.dev"

_COLUMNS = [
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "URL", "type": "string", "jsonPath": ".status.endpoints.shop"},
    {"name": "Primary", "type": "string", "jsonPath": ".status.components.postgres.primary"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {
        "name": "Message",
        "type": "string",
        "priority": 1,
        "jsonPath": '.status.conditions[?(@.type=="Ready")].message',
    },
]


def custom_resource_definition() -> Schema:
    """The whole CRD as plain data."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME},
        "spec": {
            "group": GROUP_VERSION.split("/")[0],
            "scope": "Cluster",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": "storefronts",
                "singular": "storefront",
                "shortNames": ["sf"],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": GROUP_VERSION.split("/")[1],
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _COLUMNS,
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


def _root() -> Schema:
    spec = _structural(StorefrontSpec.model_json_schema(by_alias=True))
    _add_rules(spec)
    return {
        "type": "object",
        "description": "An e-commerce platform: everything between the load balancer and the disks.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": _status(),
        },
        "x-kubernetes-validations": [
            {
                "rule": f"self.metadata.name.size() <= {MAX_NAME_LENGTH}",
                "message": f"metadata.name must have at most {MAX_NAME_LENGTH} characters",
            },
            {
                "rule": f"self.metadata.name.matches('{NAME_PATTERN}')",
                "message": "metadata.name must be a DNS label: lower-case letters, digits and '-', "
                "starting with a letter",
            },
        ],
    }


def _add_rules(spec: Schema) -> None:
    """Cross-field rules in CEL; they hold while the operator is down."""
    tls = spec["properties"]["ingress"]["properties"]["tls"]
    tls["x-kubernetes-validations"] = [
        {
            "rule": "!has(self.mode) || self.mode != 'Secret' || has(self.secretName)",
            "message": "mode Secret needs secretName",
        },
        {
            "rule": "!has(self.secretName) || (has(self.mode) && self.mode == 'Secret')",
            "message": "secretName is only used in mode Secret",
        },
    ]
    variables = spec["properties"]["postgres"]["properties"]["extraEnv"]
    variables["x-kubernetes-validations"] = [
        {
            "rule": " && ".join(
                f"self.all(variable, !variable.name.startsWith('{prefix}'))"
                for prefix in RESERVED_ENV_PREFIXES
            ),
            "message": f"names that start with {' or '.join(RESERVED_ENV_PREFIXES)} are the operator's own",
        }
    ]
    parameters = spec["properties"]["postgres"]["properties"]["parameters"]
    parameters["maxProperties"] = 100
    reserved = ", ".join(f"'{name}'" for name in sorted(CLUSTER_WIDE_PARAMETERS))
    parameters["x-kubernetes-validations"] = [
        {
            "rule": f"self.all(key, !(key in [{reserved}]))",
            "message": "a setting that must be the same on all members cannot be set, such as max_connections",
        }
    ]
    for service in spec["properties"]["services"]["properties"].values():
        properties = service["properties"]
        properties["autoscaling"]["x-kubernetes-validations"] = [
            {
                "rule": "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
                "message": "maxReplicas must not be less than minReplicas",
            }
        ]
        if "databasePoolSize" in properties:
            properties["extraEnv"]["x-kubernetes-validations"] = [
                {
                    "rule": f"self.all(variable, variable.name != '{POOL_SIZE_VARIABLE}')",
                    "message": f"{POOL_SIZE_VARIABLE} is counted; set databasePoolSize instead",
                }
            ]
    for store in ("postgres", "rabbitmq", "redis", "elasticsearch"):
        spec["properties"][store]["x-kubernetes-validations"] = [
            {
                "rule": "!has(self.mode) || self.mode != 'External' || has(self.external)",
                "message": "mode External needs external",
            },
            {
                "rule": "!has(self.external) || (has(self.mode) && self.mode == 'External')",
                "message": "external is only used in mode External",
            },
        ]
    names = ", ".join(f"'{name}'" for name in sorted(IMAGE_NAMES))
    overrides = spec["properties"]["images"]["properties"]["overrides"]
    overrides["maxProperties"] = 50
    overrides["x-kubernetes-validations"] = [
        {
            "rule": f"self.all(key, key in [{names}])",
            "message": f"unknown image; allowed: {', '.join(sorted(IMAGE_NAMES))}",
        }
    ]


def _structural(schema: Schema) -> Schema:
    """pydantic's JSON schema as a structural schema: no references, nulls, titles or defaults."""
    definitions = schema.get("$defs", {})

    def convert(node: Schema) -> Schema:
        if "$ref" in node:
            target = definitions[node["$ref"].rsplit("/", 1)[1]]
            return convert({**target, **{k: v for k, v in node.items() if k != "$ref"}})
        if "anyOf" in node and not node.get("x-kubernetes-int-or-string"):
            (inner,) = [option for option in node["anyOf"] if option.get("type") != "null"]
            return convert({**inner, **{k: v for k, v in node.items() if k != "anyOf"}})
        result = {k: v for k, v in node.items() if k not in ("title", "default", "$defs")}
        if result.get("additionalProperties") is False:
            del result["additionalProperties"]
        if "properties" in result:
            result["properties"] = {name: convert(sub) for name, sub in result["properties"].items()}
        for key in ("items", "additionalProperties"):
            if isinstance(result.get(key), dict):
                result[key] = convert(result[key])
        return result

    return convert(schema)


def _status() -> Schema:
    text = {"type": "string"}
    condition = {
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": text,
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": text,
            "message": text,
            "observedGeneration": {"type": "integer", "format": "int64"},
            "lastTransitionTime": {"type": "string", "format": "date-time"},
        },
    }
    component = {
        "type": "object",
        "properties": {
            "ready": {"type": "integer", "format": "int32", "description": "Pods that serve."},
            "desired": {"type": "integer", "format": "int32", "description": "Pods that should."},
            "version": {**text, "description": "Image tag that is rolled out."},
            "primary": {**text, "description": "Pod that takes the writes, for stores with one."},
            "timeline": {
                "type": "integer",
                "format": "int64",
                "description": "PostgreSQL's timeline: one more after each fail-over.",
            },
            "replicas": {
                "type": "integer",
                "format": "int32",
                "description": "Members that replicate the primary.",
            },
            "sentinels": {"type": "integer", "format": "int32", "description": "Redis sentinels that serve."},
            "nodesRunning": {
                "type": "integer",
                "format": "int32",
                "description": "Members that run, as the store itself sees it.",
            },
            "partitions": {
                "type": "integer",
                "format": "int32",
                "description": "RabbitMQ members that are cut off from others.",
            },
            "queues": {"type": "integer", "format": "int32", "description": "Quorum queues."},
            "queueLeaders": {
                "type": "object",
                "additionalProperties": {"type": "integer", "format": "int32"},
                "description": "How many queues each RabbitMQ member leads.",
            },
            "health": {**text, "description": "Elasticsearch's own word: green, yellow or red."},
            "shards": {"type": "integer", "format": "int32", "description": "Active shards and copies."},
            "shardsMissing": {
                "type": "integer",
                "format": "int32",
                "description": "Shards and copies that are not active.",
            },
            "lag": {
                **text,
                "description": "How far the last replica is behind, such as 48Mi; 0 for less than 16Mi.",
            },
        },
    }
    return {
        "type": "object",
        "description": "What the operator sees. Written by the operator alone.",
        "properties": {
            "observedGeneration": {
                "type": "integer",
                "format": "int64",
                "description": "The generation of the spec that this status speaks of.",
            },
            "phase": {**text, "description": "A summary for people; programs read the conditions."},
            "endpoints": {
                "type": "object",
                "additionalProperties": text,
                "description": "Where the platform can be reached.",
            },
            "components": {
                "type": "object",
                "additionalProperties": component,
                "description": "Numbers per component.",
            },
            "completedJobs": {
                "type": "object",
                "additionalProperties": text,
                "description": "Once-only Jobs that have succeeded, and for which version of their work.",
            },
            "rotatedCredentials": {
                **text,
                "description": "Value of the annotation storefront.dev/rotate-credentials that was followed last.",
            },
            "firstReadyTime": {
                "type": "string",
                "format": "date-time",
                "description": "When this Storefront was Ready for the first time.",
            },
            "conditions": {
                "type": "array",
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "description": "Ready, Reconciling, Stalled, and one per component.",
            },
        },
    }
