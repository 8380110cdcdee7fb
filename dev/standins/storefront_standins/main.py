"""The command `storefront-standin`."""

import argparse
import importlib
import sys

import uvloop

from storefront_standins.serving import PortUnavailableError, serve

STANDINS = {
    "payments": "a payment gateway that speaks Stripe's protocol",
    "mail": "an SMTP server that delivers nothing and shows everything",
    "shipping": "a carrier: rates and labels",
    "identity": "an OpenID Connect provider without passwords",
}
"""Each is a package `storefront_standins.<name>` whose module `command` has `PORT: int`,
`add_arguments(parser) -> None` and `create_application(arguments) -> FastAPI`.
"""


def main(arguments: list[str] | None = None) -> None:
    """Serve one stand-in until SIGTERM; exit code 1 when it cannot listen, 2 when it was called wrong."""
    parser = argparse.ArgumentParser(
        prog="storefront-standin", description="Stand-ins for a Storefront's external systems"
    )
    names = parser.add_subparsers(dest="standin", required=True)
    for name, purpose in STANDINS.items():
        command = importlib.import_module(f"storefront_standins.{name}.command")
        own = names.add_parser(name, help=purpose)
        own.add_argument("--host", default="127.0.0.1", help="address to listen on; :: is all (%(default)s)")
        own.add_argument(
            "--port", type=int, default=command.PORT, help="HTTP port; 0 is any free one (%(default)s)"
        )
        command.add_arguments(own)
        own.set_defaults(create_application=command.create_application)
    parsed = parser.parse_args(arguments)
    try:
        uvloop.run(serve(parsed.standin, parsed.create_application(parsed), parsed.host, parsed.port))
    except PortUnavailableError as error:
        print(f"storefront-standin {parsed.standin}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
