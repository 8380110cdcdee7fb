"""One's own addresses over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from storefront_common import idempotency
from storefront_common.conditional import etag, expected_version
from storefront_common.identity import SignedIn

from user_service.addresses import service
from user_service.addresses.schemas import AddressDraft, AddressList, AddressView
from user_service.dependencies import DatabaseDependency

router = APIRouter(prefix="/api/users/me/addresses", tags=["addresses"])

IfMatch = Annotated[str | None, Header()]


@router.get("")
async def list_addresses(identity: SignedIn, database: DatabaseDependency) -> AddressList:
    """List one's own addresses: the default first, then from new to old."""
    return await database.read(lambda session: service.list_addresses(session, identity))


@router.get("/{address_id}")
async def get_address(
    address_id: UUID, identity: SignedIn, database: DatabaseDependency, response: Response
) -> AddressView:
    """Show one address."""
    address = await database.read(lambda session: service.get_address(session, identity, address_id))
    response.headers["ETag"] = etag(address.version)
    return address


@router.post("", status_code=HTTPStatus.CREATED)
async def add_address(
    draft: AddressDraft,
    identity: SignedIn,
    database: DatabaseDependency,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> AddressView:
    """Add an address, of 20 at most; with an `Idempotency-Key` once, however often it is asked for."""
    if idempotency_key is not None:
        idempotency.check_key(idempotency_key)
    address, repeated = await database.write(
        lambda session: service.add_address(session, identity, draft, idempotency_key)
    )
    response.headers["Location"] = f"/api/users/me/addresses/{address.id}"
    response.headers["ETag"] = etag(address.version)
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return address


@router.put("/{address_id}")
async def change_address(
    address_id: UUID,
    draft: AddressDraft,
    identity: SignedIn,
    database: DatabaseDependency,
    response: Response,
    if_match: IfMatch = None,
) -> AddressView:
    """Replace an address; with `If-Match` only the version that the client has seen."""
    expected = expected_version(if_match)
    address = await database.write(
        lambda session: service.change_address(session, identity, address_id, draft, expected)
    )
    response.headers["ETag"] = etag(address.version)
    return address


@router.delete("/{address_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_address(
    address_id: UUID, identity: SignedIn, database: DatabaseDependency, if_match: IfMatch = None
) -> None:
    """Remove an address."""
    expected = expected_version(if_match)
    await database.write(lambda session: service.remove_address(session, identity, address_id, expected))
