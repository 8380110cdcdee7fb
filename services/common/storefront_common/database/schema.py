"""Whether the database has the tables that this image needs."""

import re
from importlib import resources

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from storefront_common.database.failures import DatabaseUnavailableError, Failure

CURRENT_REVISION = text("SELECT version_num FROM alembic_version")

_MIGRATION = re.compile(r"(\d{4})_\w+\.py")


class Schema:
    """The revisions of one service's schema, as its image knows them.

    Migrations are backward compatible: an image works with its own newest revision and with every later one. A
    revision that the image does not know was made by a newer image.

    Migrations are files `versions/<number>_<name>.py`, each on top of the number before it; so their names say all
    that serving needs, and a serving process does without the 10 MB of Alembic.
    """

    def __init__(self, package: str) -> None:
        """`package`: the Alembic folder, as a package."""
        self.package = package
        files = (file.name for file in resources.files(package).joinpath("versions").iterdir())
        self.revisions = sorted(match[1] for match in map(_MIGRATION.fullmatch, files) if match)
        if not self.revisions:
            raise ValueError(f"{package} holds no migration")
        self.head = self.revisions[-1]
        self._older = frozenset(self.revisions[:-1])

    def is_older(self, revision: str | None) -> bool:
        """Whether `revision` (None: no schema at all) still lacks migrations of this image."""
        return revision is None or revision in self._older

    def is_newer(self, revision: str | None) -> bool:
        """Whether `revision` was made by a newer image."""
        return revision is not None and revision != self.head and revision not in self._older

    def shortcoming(self, revision: str | None) -> str | None:
        """Why this image cannot work with `revision`; None when it can."""
        if revision is None:
            return f"the database has no schema yet, revision {self.head} is needed: run `migrate`"
        if self.is_older(revision):
            return f"the database's schema is at {revision}, revision {self.head} is needed: run `migrate`"
        return None


async def current_revision(connection: AsyncSession | AsyncConnection) -> str | None:
    """The revision that the database is at; None without a schema."""
    revision: str | None = (await connection.execute(CURRENT_REVISION)).scalar_one_or_none()
    return revision


def lacks_schema(error: Exception) -> bool:
    """Whether `error` says that no migration has ever run."""
    return isinstance(error, DatabaseUnavailableError) and error.failure is Failure.NO_SCHEMA
