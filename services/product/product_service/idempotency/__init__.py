"""Creations that clients may repeat: an `Idempotency-Key` creates once (draft-ietf-httpapi-idempotency-key-header)."""

from product_service.idempotency.service import check_key, claim, record

__all__ = ["check_key", "claim", "record"]
