"""The committed OpenAPI documents are what the services serve."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.contracts import composition, openapi_documents


@pytest.mark.parametrize("service", composition.services())
def test_the_committed_document_is_the_served_one(service: str) -> None:
    served = openapi_documents.document(service)
    file = openapi_documents.FOLDER / f"{service}.json"
    if served is None:
        assert not file.exists()
        return
    assert file.exists(), "run `make generate` and commit what it writes"
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(served), "run `make generate`"


def test_there_is_no_document_of_anything_else() -> None:
    assert {file.stem for file in openapi_documents.FOLDER.iterdir()} <= set(composition.services())


@pytest.mark.parametrize("file", sorted(openapi_documents.FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_every_operation_describes_its_errors_and_has_a_summary(file: Path) -> None:
    """What clients rely on whatever the service is."""
    document = json.loads(file.read_text(encoding="utf-8"))
    for path, item in document["paths"].items():
        assert path.startswith("/api/")
        for method, operation in item.items():
            assert operation["responses"]["default"]["content"].keys() == {"application/problem+json"}
            assert operation["summary"], (method, path)
