"""`python -m storefront_dev.images` is `storefront-dev images`."""

import argparse
import sys

from storefront_dev.images import cli

parser = argparse.ArgumentParser(prog="storefront-dev")
cli.add_parser(parser.add_subparsers(required=True))
arguments = parser.parse_args(["images", *sys.argv[1:]])
sys.exit(arguments.run(arguments))
