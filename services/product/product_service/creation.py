"""Creating a thing once per `Idempotency-Key`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Header, Response
from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import idempotency
from storefront_common.schemas import Model

Created = TypeVar("Created", bound=Model)

Key = Annotated[str | None, Header(alias="Idempotency-Key")]
"""A key of the client's choice: a repeated request with the same key creates nothing and gets the same answer."""


async def once(
    session: AsyncSession,
    key: str | None,
    caller: str,
    request: str,
    kind: type[Created],
    create: Callable[[], Awaitable[Created]],
) -> tuple[Created, bool]:
    """What `create` made and whether it is the answer to a repeated request; all in the transaction of `session`.

    Args:
        key: as the client sent it; None: every request creates.
        caller: the identity's subject; keys are the caller's own.
        request: all that makes the request what it is, with the operation.
        kind: what is created.

    Raises:
        InvalidInputError: the key cannot be one, or was used for another request.
    """
    if key is None:
        return await create(), False
    idempotency.check_key(key)
    earlier = await idempotency.claim(session, key, request, scope=caller)
    if earlier is not None:
        return kind.model_validate_json(earlier), True
    created = await create()
    await idempotency.record(session, key, created.model_dump_json(), scope=caller)
    return created, False


def tell_repetition(response: Response, repeated: bool) -> None:
    """Mark the answer to a repeated request."""
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
