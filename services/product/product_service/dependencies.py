"""What endpoints are given by the application that runs them."""

from typing import Annotated

from fastapi import Depends, Request
from storefront_common.database import Database


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


DatabaseDependency = Annotated[Database, Depends(_database)]
