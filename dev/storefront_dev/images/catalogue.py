"""The images this repository builds."""

import re
from dataclasses import dataclass
from pathlib import Path

from storefront_dev.folders import REPOSITORY
from storefront_dev.images.errors import ImageError

DEFAULT_REGISTRY = "storefront.local"

_VERSION_FILE = "operator/storefront_operator/__init__.py"


@dataclass(frozen=True)
class Image:
    """One image: `inputs` are the only paths (relative to the repository) its Dockerfile can COPY.

    A change in any of them, in the Dockerfile or in the base image leads to a rebuild; nothing else does.
    """

    name: str
    dockerfile: str
    inputs: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...] = ()
    """Names and values of the Dockerfile's ARGs."""

    def reference(self, version: str, registry: str = DEFAULT_REGISTRY) -> str:
        """`registry/name:version`, as a pod names it."""
        return f"{registry}/{self.name}:{version}"


def _service(name: str) -> Image:
    """A microservice; they have one Dockerfile and share all layers but the last."""
    requirements = ("requirements/services.txt", "requirements/build.txt")
    inputs = ("services/common", f"services/{name}", *requirements)
    return Image(name, "services/Dockerfile", inputs, (("SERVICE", name),))


IMAGES = (
    Image(
        "operator",
        "Dockerfile",
        (
            "pyproject.toml",
            "requirements/operator.txt",
            "requirements/build.txt",
            "operator",
            "templates",
            "crds",
        ),
    ),
    Image("nginx", "images/nginx/Dockerfile", ("images/nginx",)),
    Image("envoy", "images/envoy/Dockerfile", ("requirements/envoy-image.txt",)),
    Image("postgres", "images/postgres/Dockerfile", ("images/postgres", "requirements/postgres-image.txt")),
    Image("elasticsearch", "images/elasticsearch/Dockerfile", ("images/elasticsearch",)),
    Image("redis", "images/redis/Dockerfile", ("images/redis",)),
    Image("rabbitmq", "images/rabbitmq/Dockerfile", ("images/rabbitmq",)),
    *(_service(name) for name in ("user", "product", "order", "payment", "notification")),
    Image("web-customer", "services/web/customer/Dockerfile", ("services/web/customer", "images/nginx")),
    Image(
        "standins",
        "dev/standins/Dockerfile",
        ("dev/standins", "requirements/standins.txt", "requirements/build.txt"),
    ),
)

STORE_CLIENTS = Image(
    "store-clients", "tests/chaos/stores/clients/Dockerfile", ("requirements/store-clients.txt",)
)
"""For tests only, so it is none of `IMAGES`: what is pushed and what a Storefront runs."""


def select(names: list[str]) -> list[Image]:
    """The images of these names, in the catalogue's order; all of them when `names` is empty.

    Raises ImageError for a name that isn't in the catalogue.
    """
    unknown = sorted(set(names) - {image.name for image in IMAGES})
    if unknown:
        known = ", ".join(image.name for image in IMAGES)
        raise ImageError(f"image {', '.join(map(repr, unknown))} is not known; known images: {known}")
    return [image for image in IMAGES if not names or image.name in names]


def version(repository: Path = REPOSITORY) -> str:
    """The product's version and the tag of every image; its one source is the operator package."""
    path = repository / _VERSION_FILE
    match = re.search(r'^__version__\s*=\s*"([^"]+)"', path.read_text(), re.MULTILINE)
    if match is None:
        raise ImageError(f'{_VERSION_FILE} has no line `__version__ = "…"`')
    return match.group(1)
