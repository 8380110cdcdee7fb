"""What can be done with one's addresses. Each function works in the transaction of the session it is given.

Every change holds the lock of the user's profile, so that the limit and the one default hold for concurrent ones too.
"""

from http import HTTPStatus
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from storefront_common import idempotency
from storefront_common.conditional import changed_meanwhile
from storefront_common.identity import Identity
from storefront_common.problems import Problem

from user_service.addresses import repository
from user_service.addresses.schemas import AddressDraft, AddressList, AddressView
from user_service.addresses.tables import Address
from user_service.profiles import service as profiles

MOST = 20
"""Addresses that a person may keep."""


def view(address: Address) -> AddressView:
    """`address` as its owner sees it."""
    return AddressView(
        id=address.id,
        name=address.name,
        line1=address.line1,
        line2=address.line2,
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
        is_default=address.is_default,
        version=address.version,
    )


async def list_addresses(session: AsyncSession, identity: Identity) -> AddressList:
    """The caller's addresses. One statement."""
    return AddressList(items=[view(each) for each in await repository.of_subject(session, identity.subject)])


async def get_address(session: AsyncSession, identity: Identity, address_id: UUID) -> AddressView:
    """The caller's address of that id, or a 404. One statement."""
    return view(_pick(await repository.of_subject(session, identity.subject), address_id))


async def add_address(
    session: AsyncSession, identity: Identity, draft: AddressDraft, key: str | None
) -> tuple[AddressView, bool]:
    """The new address and whether it is the answer to a repeated request.

    Raises:
        Problem: there are as many as may be (409); the address that `key` added is no more (404).
        InvalidInputError: `key` was used for something else.
    """
    user = await profiles.own_to_change(session, identity)
    if key is not None:
        request = f"add address {draft.model_dump_json()}"
        earlier = await idempotency.claim(session, key, request, scope=identity.subject)
        if earlier is not None:
            present = await repository.of_user(session, user.id)
            return view(_pick(present, UUID(earlier))), True
    present = await repository.of_user(session, user.id)
    if len(present) >= MOST:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"There are {MOST} addresses, which is as many as can be kept. Remove one first.",
        )
    is_default = draft.is_default or not present
    if is_default:
        await _clear_default(session, present)
    address = await repository.add(session, user.id, {**draft.model_dump(), "is_default": is_default})
    if key is not None:
        # The id alone: an answer with the address in it would outlive the person's erasure.
        await idempotency.record(session, key, str(address.id), scope=identity.subject)
    return view(address), False


async def change_address(
    session: AsyncSession,
    identity: Identity,
    address_id: UUID,
    draft: AddressDraft,
    expected_version: int | None,
) -> AddressView:
    """The address after it was replaced; 404 when there is none, 412 when it is at another version than expected."""
    user = await profiles.own_to_change(session, identity)
    present = await repository.of_user(session, user.id)
    address = _pick(present, address_id, expected_version)
    if address.is_default and not draft.is_default:
        raise Problem(
            HTTPStatus.CONFLICT, "This is the default address. Make another one the default instead of none."
        )
    if draft.is_default:
        await _clear_default(session, [each for each in present if each is not address])
    return view(await repository.change(session, address_id, draft.model_dump()))


async def remove_address(
    session: AsyncSession, identity: Identity, address_id: UUID, expected_version: int | None
) -> None:
    """Remove the address; when it was the default, the newest of the others is it from now on."""
    user = await profiles.own_to_change(session, identity)
    present = await repository.of_user(session, user.id)
    address = _pick(present, address_id, expected_version)
    await repository.remove(session, address_id)
    others = [each for each in present if each is not address]
    if address.is_default and others:
        await repository.change(session, others[0].id, {"is_default": True})


def _pick(present: list[Address], address_id: UUID, expected_version: int | None = None) -> Address:
    for address in present:
        if address.id == address_id:
            if expected_version is not None and expected_version != address.version:
                raise changed_meanwhile(expected_version)
            return address
    raise Problem(HTTPStatus.NOT_FOUND, f"There is no address {address_id}.")


async def _clear_default(session: AsyncSession, addresses: list[Address]) -> None:
    for address in addresses:
        if address.is_default:
            await repository.change(session, address.id, {"is_default": False})
