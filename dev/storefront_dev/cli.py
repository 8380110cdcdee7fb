"""The command `storefront-dev`."""

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

from storefront_dev.clusters import resolve
from storefront_dev.errors import ClusterError

# Modules that bring sub-commands of their own by a function `add_parser(subparsers)`.
_PARTS = (
    "storefront_dev.images.cli",
    "storefront_dev.demo",
    "storefront_dev.testing",
    "storefront_dev.standins.cli",
    "storefront_dev.shop.cli",
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="storefront-dev", description="The clusters and the images.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_cluster_parser(commands)
    for part in _PARTS:
        if _exists(part):
            importlib.import_module(part).add_parser(commands)
    parsed = parser.parse_args(arguments)
    try:
        code: int | None = parsed.run(parsed)
    except ClusterError as error:
        print(f"storefront-dev: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code or 0


def _add_cluster_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    cluster = commands.add_parser("cluster", help="start, stop and inspect the cluster (named by CLUSTER)")
    actions = cluster.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("up", help="start it; does nothing when it is up").set_defaults(run=_up)
    actions.add_parser("down", help="remove it and leave nothing behind").set_defaults(run=_down)
    actions.add_parser("status", help="what runs, and what it costs").set_defaults(run=_status)
    actions.add_parser("kubeconfig", help="print the path of its kubeconfig").set_defaults(run=_kubeconfig)
    load = actions.add_parser("load", help="load image archives (docker or OCI) into every node")
    load.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    load.set_defaults(run=_load)
    for action, function, what in (
        ("stop-node", _stop_node, "switch a node off"),
        ("start-node", _start_node, "switch a node on again"),
        ("cut-node", _cut_node, "cut a node off from the network; it runs on"),
        ("heal-node", _heal_node, "connect a node that was cut off"),
    ):
        parser = actions.add_parser(action, help=what)
        parser.add_argument("node", metavar="NODE")
        parser.set_defaults(run=function)


def _up(_: argparse.Namespace) -> None:
    resolve().up()


def _down(_: argparse.Namespace) -> None:
    resolve().down()


def _status(_: argparse.Namespace) -> int:
    cluster = resolve()
    status = cluster.status()
    print("\n".join([*status.lines, *cluster.cost()]))
    return 0 if status.running else 1


def _kubeconfig(_: argparse.Namespace) -> None:
    print(resolve().kubeconfig)


def _load(arguments: argparse.Namespace) -> None:
    resolve().load_images(arguments.archives)


def _stop_node(arguments: argparse.Namespace) -> None:
    resolve().stop_node(arguments.node)


def _start_node(arguments: argparse.Namespace) -> None:
    resolve().start_node(arguments.node)


def _cut_node(arguments: argparse.Namespace) -> None:
    resolve().cut_node(arguments.node)


def _heal_node(arguments: argparse.Namespace) -> None:
    resolve().heal_node(arguments.node)


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
