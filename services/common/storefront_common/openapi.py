"""The OpenAPI document, where it has to say more than FastAPI knows."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI

Document = dict[str, Any]

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def extend(app: FastAPI, describe: Callable[[Document], None]) -> None:
    """Have `describe` change the document of `app` when it is made, after those that were added before."""
    make = app.openapi

    def made_and_described() -> Document:
        if app.openapi_schema is None:
            document = make()
            describe(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = made_and_described  # type: ignore[method-assign] # as FastAPI's documentation does it


def operations(document: Document) -> Iterator[Document]:
    """Every operation of every path."""
    for path in document["paths"].values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


def component(document: Document, kind: str, name: str, value: Document) -> Document:
    """Add a component of `kind` (`schemas`, `securitySchemes`); a reference to it."""
    document.setdefault("components", {}).setdefault(kind, {})[name] = value
    return {"$ref": f"#/components/{kind}/{name}"}
