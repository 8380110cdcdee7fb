"""When a replica may receive requests: its database, if any, answers and has the schema that this image needs.

Nothing else counts: without the broker, the cache or an external system a service still answers most of its requests,
and a replica that is taken out helps nobody.
"""

from storefront_common.database import Database, DatabaseUnavailableError, Schema
from storefront_common.database.failures import Failure
from storefront_common.database.schema import current_revision, lacks_schema


class Readiness:
    """Answers the readiness probe."""

    def __init__(self, database: Database | None = None, schema: Schema | None = None) -> None:
        """Both are given, or none for a service without a database."""
        self._database = database
        self._schema = schema
        self.draining = False
        """Set when the process is about to stop."""

    async def obstacle(self) -> str | None:
        """Why this replica is not ready; None when it is."""
        if self.draining:
            return "stopping"
        if self._database is None or self._schema is None:
            return None
        answered = self._database.answered
        try:
            return self._schema.shortcoming(await self._database.read(current_revision))
        except DatabaseUnavailableError as error:
            if lacks_schema(error):
                return self._schema.shortcoming(None)
            # A replica that is only busy must stay: its load would push the others over as well. Where nobody else was
            # answered either, the connections are held by a database that has fallen silent.
            if error.failure is Failure.BUSY and self._database.answered > answered:
                return None
            return f"the database is not available ({error.failure.value})"
