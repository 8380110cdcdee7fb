"""What a Storefront means where it says nothing."""

from __future__ import annotations

from typing import Any

from storefront_operator.api.spec import Profile, StorefrontSpec

Values = dict[str, Any]

_MAIL_PORTS = {"StartTls": 587, "Tls": 465, "None": 25}

_COMMON: Values = {
    "profile": "Production",
    "paused": False,
    "deletionPolicy": "Retain",
    "images": {"pullPolicy": "IfNotPresent", "pullSecrets": [], "overrides": {}},
    "ingress": {
        "annotations": {},
        "loadBalancerSourceRanges": [],
        "tls": {"mode": "SelfSigned", "redirectHttp": True},
    },
    "frontends": {"customer": {"shopName": "Storefront"}},
    "services": {
        service: {"autoscaling": {"targetCpu": 70, "targetMemory": 80}, "databasePoolSize": 5}
        for service in ("user", "product", "order", "payment")
    }
    | {"notification": {"autoscaling": {"targetCpu": 70, "targetMemory": 80}}},
    "postgres": {"mode": "Managed", "members": 3, "parameters": {}},
    "rabbitmq": {"mode": "Managed", "members": 3},
    "redis": {"mode": "Managed", "members": 2, "sentinels": 3},
    "elasticsearch": {"mode": "Managed", "members": 3},
    "external": {},
    "networkPolicy": {"enabled": True},
}
_COMMON["services"]["product"]["sampleCatalogue"] = False


def _service(replicas: int, most: int, cpu: str, *, autoscaling: bool, requested: str, limit: str) -> Values:
    """The size of one microservice: pods, and what each of them requests and may use."""
    return {
        "replicas": replicas,
        "autoscaling": {"enabled": autoscaling, "maxReplicas": most},
        "resources": {"requests": {"cpu": cpu, "memory": requested}, "limits": {"memory": limit}},
    }


def _in_production(replicas: int, most: int, cpu: str) -> Values:
    return _service(replicas, most, cpu, autoscaling=True, requested="192Mi", limit="512Mi")


def _in_development(cpu: str) -> Values:
    return _service(1, 3, cpu, autoscaling=False, requested="128Mi", limit="256Mi")


# Requests are what a pod uses at rest plus headroom, limits what it may grow to. No CPU limits: they throttle
# start-up and fail-over, and requests already share the CPU fairly.
_SIZES: dict[Profile, Values] = {
    Profile.PRODUCTION: {
        "ingress": {
            "replicas": 2,
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        },
        "gateway": {
            "replicas": 2,
            "resources": {"requests": {"cpu": "100m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}},
        },
        "frontends": {
            "customer": {
                "replicas": 3,
                "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
            }
        },
        # With the greatest number of all, what they open fits PostgreSQL's usual 200 connections.
        "services": {
            "user": _in_production(2, 5, "100m"),
            "product": _in_production(3, 8, "200m"),
            "order": _in_production(3, 8, "200m"),
            "payment": _in_production(2, 5, "100m"),
            "notification": _in_production(2, 5, "100m"),
        },
        "postgres": {
            "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
            "storage": {"size": "20Gi"},
        },
        "rabbitmq": {
            "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
            "storage": {"size": "10Gi"},
        },
        "redis": {
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
            "storage": {"size": "5Gi"},
        },
        "elasticsearch": {
            "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
            "heapSize": "1Gi",
            "storage": {"size": "20Gi"},
        },
    },
    Profile.DEVELOPMENT: {
        "ingress": {
            "replicas": 1,
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        },
        "gateway": {
            "replicas": 1,
            "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        },
        "frontends": {
            "customer": {
                "replicas": 1,
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            }
        },
        "services": {
            "user": _in_development("20m"),
            "product": _in_development("50m"),
            "order": _in_development("50m"),
            "payment": _in_development("20m"),
            "notification": _in_development("20m"),
        },
        "postgres": {
            "resources": {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}},
            "storage": {"size": "1Gi"},
        },
        "rabbitmq": {
            "resources": {"requests": {"cpu": "50m", "memory": "160Mi"}, "limits": {"memory": "512Mi"}},
            "storage": {"size": "1Gi"},
        },
        "redis": {
            "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
            "storage": {"size": "1Gi"},
        },
        "elasticsearch": {
            "resources": {"requests": {"cpu": "100m", "memory": "640Mi"}, "limits": {"memory": "1Gi"}},
            "heapSize": "256Mi",
            "storage": {"size": "1Gi"},
        },
    },
}


def effective(spec: StorefrontSpec) -> Values:
    """The whole spec as plain camelCase data: what was set, over the profile, over the common defaults."""
    sizes = _SIZES[spec.profile or Profile.PRODUCTION]
    given = spec.dumped()
    values = merged(merged(_COMMON, sizes), given)
    for name, service in values["services"].items():
        _complete_autoscaling(service, given.get("services", {}).get(name, {}).get("autoscaling", {}))
    _complete_external(values["external"])
    return values


def _complete_autoscaling(service: Values, given: Values) -> None:
    """What depends on other fields: a default never makes a spec invalid that says nothing wrong itself."""
    autoscaling = service["autoscaling"] = dict(service["autoscaling"])
    least = autoscaling.setdefault("minReplicas", service["replicas"])
    if "maxReplicas" not in given:
        autoscaling["maxReplicas"] = max(autoscaling["maxReplicas"], least)


def _complete_external(external: Values) -> None:
    email = external.get("email")
    if email is not None:
        security = email.setdefault("security", "StartTls")
        email.setdefault("port", _MAIL_PORTS[security])


def merged(base: Values, over: Values) -> Values:
    """`over` laid over `base`, maps merged deeply, everything else replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
