"""`storefront-standin shipping`."""

import argparse

from fastapi import FastAPI, HTTPException

from storefront_standins import application
from storefront_standins.faults import Faults, FaultSwitch
from storefront_standins.shipping.endpoints import problem, router
from storefront_standins.shipping.labels import Labels

PORT = 8026


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this stand-in needs to know."""
    parser.add_argument(
        "--public-url",
        default=f"http://127.0.0.1:{PORT}",
        help="where browsers find this stand-in (%(default)s)",
    )


def create_application(arguments: argparse.Namespace) -> FastAPI:
    """The application for the command's arguments."""
    app = application.create("Shipping stand-in", FaultSwitch(Faults()), faulty_prefix="/v1/")
    app.add_exception_handler(HTTPException, problem)
    app.include_router(router(Labels(arguments.public_url)))
    return app
