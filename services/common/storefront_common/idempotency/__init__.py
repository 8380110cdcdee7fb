"""Creations that clients may repeat: an `Idempotency-Key` creates once (draft-ietf-httpapi-idempotency-key-header)."""

from storefront_common.idempotency.keys import check_key, claim, record

__all__ = ["check_key", "claim", "record"]
