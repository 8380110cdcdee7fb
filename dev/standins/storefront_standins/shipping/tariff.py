"""What sending a parcel costs."""

from dataclasses import dataclass

from storefront_standins.shipping.schemas import Rate, ServiceCode

CARRIER = "Standin Parcel"

_HOME = "DE"
_EUROPE = frozenset([
    "AT", "BE", "BG", "CH", "CY", "CZ", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT",
    "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
])  # fmt: skip
NOT_SERVED = frozenset(["AQ", "BV", "HM", "KP"])
"""Countries that nothing is sent to."""


@dataclass(frozen=True)
class _Zone:
    base: int
    per_kilogram: int
    days: int


_ZONES = {"home": _Zone(490, 60, 2), "europe": _Zone(1190, 150, 4), "world": _Zone(2490, 690, 9)}
_EXPRESS_FACTOR = 2


def rate(service: ServiceCode, country: str, weight_grams: int) -> Rate | None:
    """The price of a service in cents, each begun kilogram counting; None where the country is not served."""
    if country in NOT_SERVED:
        return None
    zone = _ZONES["home" if country == _HOME else "europe" if country in _EUROPE else "world"]
    kilograms = -(-weight_grams // 1000)
    amount, days = zone.base + kilograms * zone.per_kilogram, zone.days
    if service == "express":
        amount, days = amount * _EXPRESS_FACTOR, max(1, zone.days // 2)
    rate_id = f"rate_{service}_{country}_{weight_grams}"
    return Rate(id=rate_id, service=service, carrier=CARRIER, amount=amount, estimated_days=days)


def rates(country: str, weight_grams: int) -> list[Rate]:
    """The price of every service, the cheapest first; empty where the country is not served."""
    both = (rate("standard", country, weight_grams), rate("express", country, weight_grams))
    return [each for each in both if each is not None]
