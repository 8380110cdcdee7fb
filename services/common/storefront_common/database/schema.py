"""Whether the database has the tables that this image needs."""

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from storefront_common.database.failures import DatabaseUnavailableError, Failure

CURRENT_REVISION = text("SELECT version_num FROM alembic_version")


class Schema:
    """The revisions of one service's schema, as its image knows them.

    Migrations are backward compatible: an image works with its own newest revision and with every later one. A
    revision that the image does not know was made by a newer image.
    """

    def __init__(self, migrations: str) -> None:
        """`migrations`: the Alembic folder, as `package:folder`."""
        self.config = Config()
        self.config.set_main_option("script_location", migrations)
        self.config.set_main_option("path_separator", "os")
        self._script = ScriptDirectory.from_config(self.config)
        head = self._script.get_current_head()
        if head is None:
            raise ValueError(f"{migrations} holds no migration")
        self.head: str = head
        self._older = {script.revision for script in self._script.walk_revisions()} - {head}

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
