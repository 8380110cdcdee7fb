"""A small asynchronous Kubernetes client on one aiohttp session."""

from storefront_operator.client.client import Client
from storefront_operator.client.errors import ApiError, ApiUnavailableError, LoginError
from storefront_operator.client.login import connect
from storefront_operator.client.resources import CHILD_RESOURCES, Resource, resource_of

__all__ = [
    "CHILD_RESOURCES",
    "ApiError",
    "ApiUnavailableError",
    "Client",
    "LoginError",
    "Resource",
    "connect",
    "resource_of",
]
