"""Parts of a benchmark, chosen on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def add_parts(parser: argparse.ArgumentParser, parts: Sequence[str]) -> None:
    """The option `--parts`: some of these, separated by commas; all by default."""

    def chosen(text: str) -> Sequence[str]:
        names = text.split(",")
        for name in names:
            if name not in parts:
                raise argparse.ArgumentTypeError(f"{name!r} is not a part; allowed: {', '.join(parts)}")
        return names

    parser.add_argument(
        "--parts", type=chosen, default=parts, metavar="A,B", help=f"some of {', '.join(parts)}; default: all"
    )
