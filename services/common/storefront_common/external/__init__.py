"""Systems outside of the Storefront: asked with time-outs, retries and a circuit breaker."""

from storefront_common.external.breaker import CircuitBreaker
from storefront_common.external.failures import CircuitOpenError, ExternalUnavailableError
from storefront_common.external.system import ExternalSystem, NotConfiguredError

__all__ = [
    "CircuitBreaker",
    "CircuitOpenError",
    "ExternalSystem",
    "ExternalUnavailableError",
    "NotConfiguredError",
]
