"""What a Storefront means where it says nothing."""

from __future__ import annotations

from typing import Any

from storefront_operator.api.spec import Profile, StorefrontSpec

Values = dict[str, Any]

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
    "services": {"product": {"sampleCatalogue": False}},
    "postgres": {"mode": "Managed", "members": 3, "parameters": {}},
    "rabbitmq": {"mode": "Managed", "members": 3},
    "redis": {"mode": "Managed", "members": 2, "sentinels": 3},
    "elasticsearch": {"mode": "Managed", "members": 3},
    "networkPolicy": {"enabled": True},
}

# Requests are what a pod uses at rest plus headroom, limits what it may grow to. No CPU limits: they throttle
# start-up and fail-over, and requests already share the CPU fairly.
_SIZES: dict[Profile, Values] = {
    Profile.PRODUCTION: {
        "ingress": {
            "replicas": 2,
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        },
        "frontends": {
            "customer": {
                "replicas": 3,
                "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
            }
        },
        "services": {
            "product": {
                "replicas": 3,
                "resources": {"requests": {"cpu": "200m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}},
            }
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
        "frontends": {
            "customer": {
                "replicas": 1,
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            }
        },
        "services": {
            "product": {
                "replicas": 1,
                "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            }
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
    return merged(merged(_COMMON, sizes), spec.dumped())


def merged(base: Values, over: Values) -> Values:
    """`over` laid over `base`, maps merged deeply, everything else replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
