"""Files that say how to reach a cluster, and as whom."""

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from storefront_dev.errors import ClusterError
from storefront_dev.pki import Pair


def write(path: Path, *, name: str, server: str, authority: Path, user: Pair) -> Path:
    """Write a kubeconfig with one context and the certificates in it, so that it may be copied; returns
    `path`.
    """
    client = {
        "client-certificate-data": _embed(user.certificate),
        "client-key-data": _embed(user.key),
    }
    return _write(
        path,
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": server, "certificate-authority-data": _embed(authority)}}
            ],
            "users": [{"name": name, "user": client}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
    )


def select(source: Path, context: str, path: Path) -> Path:
    """Write to `path` what `source` says of one context and nothing else, so that no tool can pick another.

    Raises ClusterError when `source` is missing or holds no such context.
    """
    try:
        document = yaml.safe_load(source.read_text()) or {}
    except OSError as error:
        raise ClusterError(
            f"no kubeconfig at {source} to look up context {context!r} in: {error.strerror}"
        ) from error
    contexts = {each["name"]: each["context"] for each in document.get("contexts") or []}
    if context not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise ClusterError(f"{source} has no context {context!r}; it has: {known}")
    chosen = contexts[context]
    document["contexts"] = [{"name": context, "context": chosen}]
    document["clusters"] = [
        each for each in document.get("clusters") or [] if each["name"] == chosen["cluster"]
    ]
    document["users"] = [each for each in document.get("users") or [] if each["name"] == chosen.get("user")]
    document["current-context"] = context
    _anchor(document, source.parent)
    return _write(path, document)


def _embed(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _anchor(document: dict[str, Any], folder: Path) -> None:
    """Paths in a kubeconfig are relative to it: make them absolute before it moves."""
    for section, inner in (("clusters", "cluster"), ("users", "user")):
        for entry in document[section]:
            for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
                if key in entry[inner]:
                    entry[inner][key] = str(folder / entry[inner][key])


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed: a reader never sees half a file, and nobody else may read it at any moment.
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        yaml.safe_dump(document, file, sort_keys=False)
    partial.rename(path)
    return path
