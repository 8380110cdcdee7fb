"""A running service against its own OpenAPI document: Schemathesis makes requests of it, good and bad ones.

Deterministic and bounded: the same code meets the same requests, in about the same time.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.services.service_process import program

# Not `positive_data_acceptance`: a document cannot say all that a shop must refuse, such as a cursor it never gave.
# Not `unsupported_method` and `allow_header_conformance`: the document is silent about methods it does not name.
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
)


async def check(
    api: str,
    *,
    headers: Mapping[str, str],
    examples: int = 10,
    without: Sequence[str] = (),
    skipped_checks: Sequence[str] = (),
) -> None:
    """Fail unless the service at `api` (its address) keeps what its OpenAPI document says.

    Args:
        headers: who asks, such as `identities.ADMIN`; Schemathesis also asks without them.
        examples: requests per operation in each phase at most.
        without: operations that are left out, as `POST /api/orders/{order_id}/cancel`; the caller says why.
        skipped_checks: checks that are left out; the caller says why.
    """
    checks = [name for name in _CHECKS if name not in skipped_checks]
    arguments = [
        f"{api}/openapi.json",
        "--no-color",
        "--warnings=off",
        "--generation-deterministic",
        f"--max-examples={examples}",
        "--phases=examples,coverage,fuzzing,stateful",
        f"--checks={','.join(checks)}",
        "--request-timeout=10",
        "--suppress-health-check=all",
        *(f"--header={name}: {value}" for name, value in headers.items()),
        *(f"--exclude-name={operation}" for operation in without),
    ]
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            program("schemathesis"),
            "run",
            *arguments,
            cwd=folder,
            # A file of settings of the person who runs the tests shall not count.
            env={**os.environ, "HOME": str(Path(folder)), "SCHEMATHESIS_HOOKS": ""},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    if process.returncode != 0:
        pytest.fail(f"Schemathesis found differences:\n{output.decode()}", pytrace=False)
