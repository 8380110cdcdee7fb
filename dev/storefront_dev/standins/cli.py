"""`storefront-dev standins`: the external systems' stand-ins on the cluster."""

import argparse

import yaml

from storefront_dev import platform
from storefront_dev.clusters import Cluster, resolve
from storefront_dev.errors import ClusterError
from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress
from storefront_dev.standins import running
from storefront_dev.standins.manifests import NAMESPACE, STANDINS


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `standins`."""
    parser = subparsers.add_parser(
        "standins", help="stand-ins for payment gateway, email, shipping and identity provider"
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("up", help="run them; does nothing when they run").set_defaults(run=_up)
    connect = actions.add_parser("connect", help="let a Storefront use them: its Secrets, and webhooks to it")
    connect.add_argument("storefront", metavar="STOREFRONT")
    connect.set_defaults(run=_connect)
    actions.add_parser("down", help="remove them and what they know").set_defaults(run=_down)
    actions.add_parser("status", help="which of them are ready, and where").set_defaults(run=_status)


def _up(_: argparse.Namespace) -> None:
    cluster, progress = resolve(), Progress()
    try:
        platform.provide_images(cluster, progress, ["standins"])
    except ImageError as error:
        raise ClusterError(str(error)) from error
    running.up(cluster, progress)
    print(_addresses(cluster))
    print("\nWhat a Storefront says to use them (then: storefront-dev standins connect NAME):\n")
    external = {"spec": {"external": running.external_systems(cluster)}}
    print(yaml.safe_dump(external, sort_keys=False), end="")


def _connect(arguments: argparse.Namespace) -> None:
    running.connect(resolve(), arguments.storefront)


def _down(_: argparse.Namespace) -> None:
    running.down(resolve())


def _status(_: argparse.Namespace) -> int:
    cluster = resolve()
    ready = running.ready(cluster)
    for standin in STANDINS:
        state = (
            "ready" if ready.get(standin.name) else "not ready" if standin.name in ready else "not started"
        )
        print(f"  {standin.name:<10} {state:<12} {running.public_url(cluster, standin.name)}")
    return 0 if len(ready) == len(STANDINS) and all(ready.values()) else 1


def _addresses(cluster: Cluster) -> str:
    lines = [f"  {standin.name:<10} {running.public_url(cluster, standin.name)}" for standin in STANDINS]
    if cluster.name != "embedded":
        forward = f"kubectl port-forward --namespace={NAMESPACE}"
        lines += [f"  {forward} service/{each.name} {each.port}" for each in STANDINS]
    return "\n".join(lines)
