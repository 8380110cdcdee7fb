"""One call of the API from request to answer: who asks, with which key, and what is remembered of it."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from storefront_standins.payments import form, objects
from storefront_standins.payments.errors import GatewayError
from storefront_standins.payments.events import Journal
from storefront_standins.payments.store import Answer, Store

Call = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes the decoded parameters, gives the answer's body."""


class Protocol:
    """Authentication, form decoding, idempotency keys and error bodies, the same for every call."""

    def __init__(self, store: Store, journal: Journal, key_file: Path | None) -> None:
        """`key_file`: holds the valid keys, separated by white space; None: every test key is valid."""
        self._store = store
        self._journal = journal
        self._key_file = key_file

    async def answer(self, request: Request, call: Call) -> Response:
        """Carry out `call`, once per idempotency key."""
        is_change = request.method == "POST"
        text = (await request.body()).decode() if is_change else request.url.query
        key = request.headers.get("idempotency-key") if is_change else None
        request_id = objects.new_id("req")
        headers = {"Request-Id": request_id}
        if version := request.headers.get("stripe-version"):
            headers["Stripe-Version"] = version
        if key is not None:
            headers["Idempotency-Key"] = key
        # Nothing below waits: calls never interleave.
        try:
            self._authenticate(request)
            if is_change and text and not _is_form(request):
                raise GatewayError(
                    400,
                    "invalid_request_error",
                    "Invalid request (check that your POST content type is application/x-www-form-urlencoded).",
                    began=False,
                )
            given = _decode(text)
            digest = _digest(request.url.path, given)
            earlier = None if key is None else self._store.answer(key)
            if earlier is not None:
                if earlier.digest != digest:
                    raise _other_parameters(key)
                return _response(earlier.status, earlier.body, headers | {"Idempotent-Replayed": "true"})
            with self._store.transaction():
                status, body = self._carry_out(call, given, request_id, key)
                if key is not None:
                    self._store.keep_answer(key, Answer(digest, status, body))
            return _response(status, body, headers)
        except GatewayError as error:
            return _response(error.status, json.dumps(error.body, indent=2), headers)

    def _carry_out(
        self, call: Call, given: dict[str, Any], request_id: str, key: str | None
    ) -> tuple[int, str]:
        self._journal.request_id, self._journal.idempotency_key = request_id, key
        try:
            return 200, json.dumps(call(given), indent=2)
        except GatewayError as error:
            if not error.began:
                raise
            return error.status, json.dumps(error.body, indent=2)
        finally:
            self._journal.request_id = self._journal.idempotency_key = None

    def _authenticate(self, request: Request) -> None:
        key = _key(request.headers.get("authorization", ""))
        if self._key_file is None:
            valid = key.startswith("sk_test_")
        else:
            valid = key in self._key_file.read_text(encoding="utf-8").split()
        if not valid:
            message = (
                f"Invalid API Key provided: {key[:8]}****"
                if key
                else "You did not provide an API key. You need to provide your API key in the Authorization header, "
                "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
            raise GatewayError(401, "invalid_request_error", message, began=False)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _decode(text: str) -> dict[str, Any]:
    try:
        return form.decode(text)
    except form.MalformedFormError as error:
        raise GatewayError(400, "invalid_request_error", f"Invalid form key: {error}", began=False) from None


def _digest(path: str, given: dict[str, Any]) -> str:
    return hashlib.sha256(f"{path}\n{json.dumps(given, sort_keys=True)}".encode()).hexdigest()


def _other_parameters(key: str | None) -> GatewayError:
    return GatewayError(
        400,
        "idempotency_error",
        "Keys for idempotent requests can only be used with the same parameters they were first used "
        f"with. Try using a key other than '{key}' if you meant to execute a different request.",
        began=False,
    )


def _key(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _response(status: int, body: str, headers: dict[str, str]) -> Response:
    return Response(body, status, headers=headers, media_type="application/json")
