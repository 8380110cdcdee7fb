"""Finished images as files: an archive that container runtimes import, and a record of what is in it.

An image whose archive and record match its content hash is finished; no tool has to be asked about it.
"""

import dataclasses
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from storefront_dev.images import folders

_MEBIBYTE = 1 << 20
# One block of this many is compressed to estimate what a registry would store.
_SAMPLE = 8


@dataclass(frozen=True)
class Record:
    """What is known about a finished image. Sizes are in bytes, `build_seconds` is wall time."""

    name: str
    reference: str
    content_hash: str
    image_id: str
    unpacked_bytes: int
    compressed_bytes_estimate: int
    build_seconds: float

    @property
    def archive(self) -> Path:
        """The image in docker-archive format, layers uncompressed: the fastest to write and to import."""
        return _folder() / f"{self.name}-{self.content_hash[:16]}.tar"

    def save(self) -> None:
        """Write the record beside its archive; archives of older contents go."""
        for old in _folder().glob(f"{self.name}-????????????????.tar"):
            if old != self.archive:
                old.unlink()
        unfinished = _path(self.name).with_suffix(".part")
        unfinished.write_text(json.dumps(dataclasses.asdict(self), indent=1))
        unfinished.rename(_path(self.name))


def archive_path(name: str, content_hash: str) -> Path:
    """Where the archive of an image with this content belongs; its folder exists afterwards."""
    _folder().mkdir(parents=True, exist_ok=True)
    return _folder() / f"{name}-{content_hash[:16]}.tar"


def load(name: str) -> Record | None:
    """The record of the image as last built; None when there is none, or it can't be used."""
    try:
        record = Record(**json.loads(_path(name).read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
    return record if record.archive.exists() else None


def compressed_estimate(archive: Path) -> int:
    """About how many bytes gzip leaves of an archive, from a sample of its blocks."""
    size = archive.stat().st_size
    sampled = compressed = 0
    with archive.open("rb") as file:
        for offset in range(0, size, _SAMPLE * _MEBIBYTE):
            file.seek(offset)
            block = file.read(_MEBIBYTE)
            sampled += len(block)
            compressed += len(zlib.compress(block, 6))
    return size * compressed // max(sampled, 1)


def _folder() -> Path:
    return folders.cache() / "archives"


def _path(name: str) -> Path:
    return _folder() / f"{name}.json"
