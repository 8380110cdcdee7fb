"""What an image is made of, as one hash."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from storefront_dev.images.catalogue import Image
from storefront_dev.images.errors import ImageError

# Part of every hash: raise it when the builder itself changes what comes out of the same inputs.
_RECIPE = "1"


def content_hash(image: Image, repository: Path, base: str) -> str:
    """SHA-256 (hex) over the image's files, their paths and executable bits, its arguments and the base image's ID."""
    digest = hashlib.sha256()
    arguments = (part for argument in image.arguments for part in argument)
    for part in (_RECIPE, base, image.name, image.dockerfile, *arguments):
        digest.update(part.encode() + b"\0")
    for path in files(image, repository):
        relative = path.relative_to(repository).as_posix()
        if path.is_symlink():
            kind, content = "link", str(path.readlink()).encode()
        else:
            kind = "program" if os.access(path, os.X_OK) else "file"
            content = path.read_bytes()
        digest.update(f"{kind} {relative} {len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def files(image: Image, repository: Path) -> list[Path]:
    """Every file the Dockerfile can see, sorted; what .dockerignore excludes is left out.

    Raises ImageError when the Dockerfile or an input doesn't exist.
    """
    ignored = _ignored(repository)
    found: set[Path] = set()
    for name in (image.dockerfile, *image.inputs):
        path = repository / name
        if not os.path.lexists(path):
            raise ImageError(f"image {image.name!r} needs {name}, which does not exist in {repository}")
        found.update(_walk(path, repository, ignored) if path.is_dir() else [path])
    return sorted(found)


def ignore_file(image: Image, repository: Path) -> str:
    """A .dockerignore that hides everything but the image's inputs.

    So a COPY of something that isn't declared fails at once, instead of going unnoticed when that changes.
    """
    shown = [f"!{name}" for name in (image.dockerfile, *image.inputs)]
    return "\n".join(["*", *shown, *_ignore_lines(repository)]) + "\n"


def _ignore_lines(repository: Path) -> list[str]:
    path = repository / ".dockerignore"
    return path.read_text().splitlines() if path.exists() else []


def _ignored(repository: Path) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(_ignore_lines(repository))


def _walk(folder: Path, repository: Path, ignored: GitIgnoreSpec) -> Iterator[Path]:
    for entry in os.scandir(folder):
        path = Path(entry.path)
        relative = path.relative_to(repository).as_posix()
        if entry.is_dir(follow_symlinks=False):
            # Asked with the slash, so that a folder such as node_modules is never entered.
            if not ignored.match_file(relative + "/"):
                yield from _walk(path, repository, ignored)
        elif not ignored.match_file(relative):
            yield path
