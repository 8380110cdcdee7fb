"""The `storefront` command."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
import yaml

from storefront_operator import __version__
from storefront_operator.api import GROUP_VERSION, KIND, InvalidStorefrontError, parse_storefront
from storefront_operator.api.crd import custom_resource_definition
from storefront_operator.client import ApiError, ApiUnavailableError, LoginError, connect
from storefront_operator.client.resources import STOREFRONTS
from storefront_operator.components import render_storefront
from storefront_operator.components.rabbitmq_topology import definitions_without_users
from storefront_operator.engine.credentials import generated_secrets, placeholders
from storefront_operator.leadership import LeadershipLostError, LeaseName
from storefront_operator.main import run_operator
from storefront_operator.uninstall import release_finalizers

EXIT_FAILED = 1
EXIT_USAGE = 2


class _PlainDumper(yaml.CSafeDumper):
    """Writes what occurs twice twice: people read and edit the output."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 fine, 1 it did not work, 2 the command makes no sense."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (LoginError, ApiUnavailableError, ApiError, LeadershipLostError) as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("storefront", description="An e-commerce platform from one resource.")
    parser.add_argument("--version", action="version", version=f"storefront {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    render = commands.add_parser(
        "render", help="print the manifests of the Storefronts in a file; needs no cluster"
    )
    render.add_argument("file", metavar="FILE", help="a YAML file, or - for standard input")
    render.set_defaults(run=_render)

    status = commands.add_parser("status", help="show how a Storefront stands")
    status.add_argument("name", metavar="NAME")
    _add_cluster(status)
    status.set_defaults(run=lambda options: asyncio.run(_status(options)))

    operator = commands.add_parser("operator", help="run the operator")
    operator.add_argument(
        "--ops-port", type=int, default=8080, help="port of health and metrics (default: 8080)"
    )
    operator.add_argument(
        "--lease",
        type=_lease,
        metavar="NAMESPACE/NAME",
        help="work only while holding this Lease, so that several replicas are safe (default: no election)",
    )
    _add_cluster(operator)
    operator.set_defaults(run=_operator)

    release = commands.add_parser(
        "release", help="take the operator's finalizer off every Storefront; for uninstalling the operator"
    )
    release.add_argument(
        "--lease", type=_lease, metavar="NAMESPACE/NAME", help="wait until no operator holds this Lease"
    )
    _add_cluster(release)
    release.set_defaults(run=_release)

    crd = commands.add_parser("crd", help="print the CustomResourceDefinition")
    crd.set_defaults(run=_crd)

    definitions = commands.add_parser(
        "definitions", help="print exchanges, queues and bindings, for a RabbitMQ that runs elsewhere"
    )
    definitions.set_defaults(run=_definitions)
    return parser


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kubeconfig",
        type=Path,
        help="file that names the cluster; needed outside of a pod, KUBECONFIG is not used",
    )
    parser.add_argument("--context", help="context in that file (default: its current one)")


def _lease(text: str) -> LeaseName:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAMESPACE/NAME")
    return LeaseName(namespace, name)


def _render(options: argparse.Namespace) -> int:
    source = "standard input" if options.file == "-" else options.file
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text()
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except (OSError, UnicodeDecodeError) as error:
        return _complain(f"{source}: {error}")
    except yaml.YAMLError as error:
        return _complain(f"{source}: not YAML: {' '.join(str(error).split())}")
    if not documents:
        return _complain(f"{source}: holds no document; expected a resource of {GROUP_VERSION}, kind {KIND}")
    problems, output = [], []
    for number, document in enumerate(documents, start=1):
        where = f"{source}, document {number}" if len(documents) > 1 else source
        if not isinstance(document, dict):
            problems.append(f"{where}: expected a resource of {GROUP_VERSION}, kind {KIND}")
            continue
        try:
            output.append(_rendered(document))
        except InvalidStorefrontError as error:
            problems += [f"{where}: {problem}" for problem in error.problems]
    if problems:
        return _complain(*problems)
    sys.stdout.write("".join(output))
    return 0


def _rendered(document: Mapping[str, Any]) -> str:
    storefront = parse_storefront(document)
    manifests = render_storefront(storefront, placeholders(storefront))
    for manifest in manifests:
        # Nobody owns what has not been applied yet.
        manifest["metadata"].pop("ownerReferences", None)
    generated = "".join(f"#   {secret.namespace}/{secret.name}\n" for secret in generated_secrets(storefront))
    return (
        f"# Storefront {storefront.name}: {len(manifests)} objects.\n"
        f"# The operator also generates these Secrets; copies of them are shown with placeholders:\n{generated}"
        + "".join("---\n" + yaml.dump(m, Dumper=_PlainDumper, sort_keys=False, width=110) for m in manifests)
    )


async def _status(options: argparse.Namespace) -> int:
    client = await connect(options.kubeconfig, options.context)
    try:
        resource = await client.get(STOREFRONTS, "", options.name)
    finally:
        await client.session.close()
    if resource is None:
        return _complain(f"Storefront {options.name} does not exist")
    sys.stdout.write(_status_table(resource))
    conditions = (resource.get("status") or {}).get("conditions") or ()
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return 0 if ready else EXIT_FAILED


def _status_table(resource: Mapping[str, Any]) -> str:
    """The conditions of a Storefront as a table for people."""
    status = resource.get("status") or {}
    current = status.get("observedGeneration") == resource["metadata"]["generation"]
    lines = [
        f"Storefront {resource['metadata']['name']}: {status.get('phase', 'not seen by an operator yet')}"
        + ("" if current else " (the operator has not seen the latest spec yet)")
    ]
    lines += [f"  {name}: {url}" for name, url in (status.get("endpoints") or {}).items()]
    rows = [("CONDITION", "STATUS", "REASON", "MESSAGE")]
    rows += [
        (condition["type"], condition["status"], condition["reason"], condition["message"])
        for condition in status.get("conditions") or ()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines.append("")
    lines += [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    return "\n".join(lines) + "\n"


def _operator(options: argparse.Namespace) -> int:
    _configure_logs()
    asyncio.run(run_operator(options.kubeconfig, options.context, options.ops_port, options.lease))
    return 0


def _release(options: argparse.Namespace) -> int:
    _configure_logs()
    try:
        asyncio.run(release_finalizers(options.kubeconfig, options.context, options.lease))
    except TimeoutError:
        return _complain("an operator still holds the lease; stop it first")
    return 0


def _configure_logs() -> None:
    """One JSON object per line, for the log collectors of a cluster."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    logging.basicConfig(
        level=logging.WARNING, format='{"level":"%(levelname)s","logger":"%(name)s","event":"%(message)s"}'
    )


def _crd(_: argparse.Namespace) -> int:
    sys.stdout.write("# Generated by `make generate` from operator/storefront_operator/api; do not edit.\n")
    yaml.dump(custom_resource_definition(), sys.stdout, Dumper=_PlainDumper, sort_keys=False, width=110)
    return 0


def _definitions(_: argparse.Namespace) -> int:
    json.dump(definitions_without_users(), sys.stdout, indent=2)
    print()
    return 0


def _complain(*problems: str) -> int:
    for problem in problems:
        print(f"storefront: {problem}", file=sys.stderr)
    return EXIT_FAILED
