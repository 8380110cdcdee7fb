"""Who may use the administrators' API."""

from typing import Annotated

from fastapi import Depends
from storefront_common.identity import Admin, Identity

from user_service.dependencies import DatabaseDependency
from user_service.profiles import repository
from user_service.profiles.service import blocked


async def _acting(admin: Admin, database: DatabaseDependency) -> Identity:
    user = await database.read(lambda session: repository.find_by_subject(session, admin.subject))
    if user is not None and user.blocked:
        raise blocked()
    return admin


ActingAdmin = Annotated[Identity, Depends(_acting)]
"""The administrator who asks; 403 for one who is blocked: that stops a stolen account before its token ends."""
