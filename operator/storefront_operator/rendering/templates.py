"""Jinja2 templates of the child objects: one folder per component, one or more objects per file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import ryaml

from storefront_operator.objects import Manifest

_PACKAGED = Path(__file__).parent.parent / "templates"
_CHECKOUT = Path(__file__).parents[3] / "templates"


class RenderError(Exception):
    """A template failed; a bug of the operator, the message names the file."""


def templates_root() -> Path:
    """Folder of the templates: inside the installed package, or at the top of a checkout."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_root()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the output is YAML; values are written with the json filter
    )
    environment.filters["json"] = _to_json
    return environment


def _to_json(value: Any) -> str:
    """A value as JSON, which is YAML: the only way a template writes what a user has typed."""
    return json.dumps(value)


@cache
def _files(folder: str) -> tuple[str, ...]:
    names = _environment().list_templates(extensions=["j2"])
    return tuple(
        name for name in sorted(names) if name.startswith(f"{folder}/") and name.endswith(".yaml.j2")
    )


def render_folder(folder: str, context: Mapping[str, Any]) -> list[Manifest]:
    """The objects of all `*.yaml.j2` files of a folder. Raises `RenderError`."""
    manifests: list[Manifest] = []
    for file in _files(folder):
        try:
            text = _environment().get_template(file).render(context)
            manifests += [document for document in ryaml.loads_all(text) or () if document]
        except (jinja2.TemplateError, ryaml.InvalidYamlError) as error:
            raise RenderError(f"templates/{file}: {error}") from error
    return manifests
