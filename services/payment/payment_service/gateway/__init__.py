"""The payment gateway, outside of the Storefront: the port that the service uses and its real adapter."""

from payment_service.gateway.port import (
    Charge,
    DisputeReport,
    Intent,
    PaymentGateway,
    Phase,
    RefundReport,
    RefundStatus,
    RejectedError,
    UnexpectedPhaseError,
)

__all__ = [
    "Charge",
    "DisputeReport",
    "Intent",
    "PaymentGateway",
    "Phase",
    "RefundReport",
    "RefundStatus",
    "RejectedError",
    "UnexpectedPhaseError",
]
