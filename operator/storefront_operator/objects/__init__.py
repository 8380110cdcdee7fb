"""Plain data about Kubernetes objects: keys, hashes, and what is remembered of a live child."""

from storefront_operator.objects.child import Child, ChildKey, Manifest, key_of
from storefront_operator.objects.fingerprint import fingerprint, owned_fields
from storefront_operator.objects.node import OUT_OF_SERVICE, is_out_of_service
from storefront_operator.objects.observed import Observed
from storefront_operator.objects.pod import ended_at, has_stopped

__all__ = [
    "OUT_OF_SERVICE",
    "Child",
    "ChildKey",
    "Manifest",
    "Observed",
    "ended_at",
    "fingerprint",
    "has_stopped",
    "is_out_of_service",
    "key_of",
    "owned_fields",
]
