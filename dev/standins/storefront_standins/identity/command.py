"""`storefront-standin identity`."""

import argparse
import os
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from storefront_standins import application
from storefront_standins.faults import Faults, FaultSwitch
from storefront_standins.identity.endpoints import router
from storefront_standins.identity.signing import SigningKey

PORT = 8027


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this stand-in needs to know."""
    parser.add_argument(
        "--issuer",
        default=os.environ.get("IDENTITY_ISSUER"),
        help="its address as browsers and the shop know it (environment: IDENTITY_ISSUER; default: as requested)",
    )
    parser.add_argument(
        "--key-file", type=Path, help="PEM file with the RSA key to sign with (default: a new key)"
    )


def create_application(arguments: argparse.Namespace) -> FastAPI:
    """The application for the command's arguments."""
    app = application.create(
        "Identity stand-in",
        FaultSwitch(Faults()),
        faulty_prefix=("/.well-known/", "/authorize", "/token", "/userinfo"),
    )
    # The shop's web apps ask from other origins.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
    )
    issuer = arguments.issuer.rstrip("/") if arguments.issuer else None
    app.include_router(router(SigningKey.load(arguments.key_file), issuer))
    return app
