"""`storefront-dev images`: build, list, load and push the images."""

import argparse
import sys
from typing import Any

from storefront_dev.images import builder, catalogue, report
from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress


def add_parser(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command `images` to a program's commands. Its handler is the namespace's `run`."""
    parser = subparsers.add_parser("images", help="build the container images whose contents changed")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="images to build; all when none is named. `build` may precede them",
    )
    parser.add_argument(
        "--push", metavar="REGISTRY", help="push them, for example to registry.example.com/team"
    )
    parser.add_argument("--insecure", action="store_true", help="the registry has no valid TLS certificate")
    parser.add_argument("--load", action="store_true", help="load them into the cluster that CLUSTER names")
    parser.add_argument("--no-cache", action="store_true", help="rebuild every layer")
    parser.add_argument("--refresh-base", action="store_true", help="get the newest base image first")
    parser.add_argument(
        "--archives", action="store_true", help="print the paths of the archives, not the table"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    progress = Progress()
    names = arguments.names[1:] if arguments.names[:1] == ["build"] else arguments.names
    try:
        outcomes = builder.build(
            catalogue.select(names),
            progress,
            use_cache=not arguments.no_cache,
            refresh_base=arguments.refresh_base,
        )
        finished = [outcome.record for outcome in outcomes if outcome.record]
        if arguments.push:
            for record in finished:
                builder.push(record, arguments.push, progress, insecure=arguments.insecure)
        if arguments.load:
            from storefront_dev import clusters
            from storefront_dev.images import open_files

            cluster = clusters.resolve()
            cluster.load_images(open_files.archives_for(cluster, finished, progress))
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.archives:
        print("\n".join(str(record.archive) for record in finished))
    else:
        print(report.table(outcomes))
    built, failed = (
        sum(outcome.built for outcome in outcomes),
        sum(bool(outcome.error) for outcome in outcomes),
    )
    progress(f"{len(outcomes)} images: {built} built, {failed} failed")
    return 1 if failed else 0
