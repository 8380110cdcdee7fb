"""The programs of the images, which are files of no package."""

import importlib.util
import sys
from types import ModuleType

from storefront_dev.folders import REPOSITORY


def load(image: str, name: str) -> ModuleType:
    """The program `images/<image>/<name>.py` as a module."""
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / f"images/{image}/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
