"""Where the shop and the systems around it are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Addresses:
    """Base URLs without a slash at their end."""

    shop: str
    identity: str
    payments: str
    mail: str
    shipping: str
