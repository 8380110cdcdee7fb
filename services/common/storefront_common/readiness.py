"""When a replica may receive requests: its database answers and has the schema that this image needs."""

import time

from storefront_common.database import Database, DatabaseUnavailableError, Schema
from storefront_common.database.failures import Failure
from storefront_common.database.schema import current_revision, lacks_schema

_BUSY_GRACE_SECONDS = 30.0


class Readiness:
    """Answers the readiness probe."""

    def __init__(self, database: Database, schema: Schema) -> None:
        self._database = database
        self._schema = schema
        self._ready_at = -_BUSY_GRACE_SECONDS
        self.draining = False
        """Set when the process is about to stop."""

    async def obstacle(self) -> str | None:
        """Why this replica is not ready; None when it is."""
        if self.draining:
            return "stopping"
        try:
            shortcoming = self._schema.shortcoming(await self._database.read(current_revision))
        except DatabaseUnavailableError as error:
            if lacks_schema(error):
                return self._schema.shortcoming(None)
            # A replica that is only busy must stay: its load would push the others over as well.
            if error.failure is Failure.BUSY and time.monotonic() - self._ready_at < _BUSY_GRACE_SECONDS:
                return None
            return f"the database is not available ({error.failure.value})"
        if shortcoming is None:
            self._ready_at = time.monotonic()
        return shortcoming
