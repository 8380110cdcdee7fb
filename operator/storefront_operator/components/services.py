"""The five microservices: what each of them has that the others do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from storefront_operator.api import Storefront
from storefront_operator.components.microservice import Microservice, Mount


class User(Microservice):
    """User profiles."""

    name = "user"
    condition = "UserReady"


class Product(Microservice):
    """Catalogue, inventory and search."""

    name = "product"
    condition = "ProductReady"

    def migrate_arguments(self, storefront: Storefront) -> Sequence[str]:
        return ["--sample-catalogue"] if storefront.spec["services"]["product"]["sampleCatalogue"] else []


class Order(Microservice):
    """Cart, checkout and orders."""

    name = "order"
    condition = "OrderReady"

    def settings(self, storefront: Storefront) -> Mapping[str, str]:
        shipping = storefront.spec["external"].get("shipping")
        if shipping is None:
            return {}
        return {"SHIPPING_URL": shipping["url"], "SHIPPING_KEY_FILE": "/etc/storefront/shipping/key"}

    def mounts(self, storefront: Storefront) -> Sequence[Mount]:
        shipping = storefront.spec["external"].get("shipping")
        return [Mount("shipping", shipping["secretName"])] if shipping else []

    def missing(self, storefront: Storefront) -> str | None:
        known = "shipping" in storefront.spec["external"]
        return None if known else "no order is shipped: spec.external.shipping is not set"


class Payment(Microservice):
    """Payments and refunds."""

    name = "payment"
    condition = "PaymentReady"

    def settings(self, storefront: Storefront) -> Mapping[str, str]:
        # The bank sends the customer back there.
        shop = {"SHOP_URL": shop_url(storefront)}
        gateway = storefront.spec["external"].get("payments")
        if gateway is None:
            return shop
        return shop | {
            "PAYMENT_GATEWAY_URL": gateway["url"],
            "PAYMENT_GATEWAY_KEY_FILE": "/etc/storefront/payments/key",
            "PAYMENT_GATEWAY_WEBHOOK_SECRET_FILE": "/etc/storefront/payments/webhook-secret",
        }

    def mounts(self, storefront: Storefront) -> Sequence[Mount]:
        gateway = storefront.spec["external"].get("payments")
        return [Mount("payments", gateway["secretName"])] if gateway else []

    def missing(self, storefront: Storefront) -> str | None:
        known = "payments" in storefront.spec["external"]
        return None if known else "no payment is taken: spec.external.payments is not set"


class Notification(Microservice):
    """Emails to customers."""

    name = "notification"
    condition = "NotificationReady"

    def settings(self, storefront: Storefront) -> Mapping[str, str]:
        settings = {
            "SHOP_NAME": storefront.spec["frontends"]["customer"]["shopName"],
            "SHOP_URL": shop_url(storefront),
        }
        email = storefront.spec["external"].get("email")
        if email is None:
            return settings
        settings |= {
            "SMTP_HOST": email["host"],
            "SMTP_PORT": str(email["port"]),
            "SMTP_SECURITY": email["security"].lower(),
            "MAIL_FROM": email["from"],
        }
        if "secretName" in email:
            settings["SMTP_PASSWORD_FILE"] = "/etc/storefront/email/password"  # noqa: S105 - a path
        return settings

    def mounts(self, storefront: Storefront) -> Sequence[Mount]:
        secret = storefront.spec["external"].get("email", {}).get("secretName")
        return [Mount("email", secret)] if secret else []

    def users(self, storefront: Storefront) -> Mapping[str, str]:
        secret = storefront.spec["external"].get("email", {}).get("secretName")
        return {"SMTP_USER": secret} if secret else {}

    def missing(self, storefront: Storefront) -> str | None:
        known = "email" in storefront.spec["external"]
        return None if known else "no email is sent: spec.external.email is not set"


def shop_url(storefront: Storefront) -> str:
    """Where customers find the shop."""
    return f"https://{storefront.spec['domain']}"
