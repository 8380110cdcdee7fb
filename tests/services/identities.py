"""Who asks, as the API gateway tells it to the services."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

CREDENTIAL = "gateway-of-the-tests"


def claims(subject: str, *, roles: tuple[str, ...] = (), **more: Any) -> dict[str, str]:
    """The headers with which the gateway passes on a request of `subject`; `more`: further claims."""
    payload = {
        "sub": subject,
        "email": f"{subject}@example.com",
        "email_verified": True,
        "name": subject.capitalize(),
        "roles": list(roles),
        **more,
    }
    encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return {"x-storefront-claims": encoded, "x-storefront-gateway": CREDENTIAL}


def gateway_environment(secrets: Path) -> dict[str, str]:
    """What a service needs to believe these headers."""
    file = secrets / "gateway"
    file.write_text(CREDENTIAL + "\n", encoding="utf-8")
    return {"GATEWAY_CREDENTIAL_FILE": str(file)}


ADMIN = claims("admin", roles=("admin",))
CUSTOMER = claims("customer")
