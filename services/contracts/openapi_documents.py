"""The OpenAPI document of each service, which is committed in `openapi/`: a change of an API is seen in its review.

`python -m services.contracts.openapi_documents` writes them anew; a test compares them with what is served.
"""

import json
from pathlib import Path

from services.contracts.composition import compose, services

FOLDER = Path(__file__).with_name("openapi")


def document(service: str) -> str | None:
    """The service's OpenAPI document as it is served, as text for a file; None for one without an API."""
    app = compose(service).api
    if app is None:
        return None
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def _write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for service in services():
        text = document(service)
        if text is not None:
            (FOLDER / f"{service}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write()
