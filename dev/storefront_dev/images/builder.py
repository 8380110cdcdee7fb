"""Builds the images whose contents changed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storefront_dev import locks
from storefront_dev.folders import REPOSITORY
from storefront_dev.images import archive, base, catalogue, contents, folders, prerequisites
from storefront_dev.images.archive import Record
from storefront_dev.images.buildah import Buildah
from storefront_dev.images.catalogue import Image
from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress

CONTENT_HASH_LABEL = "dev.storefront.content-hash"

# Stages and former versions that serve the next builds as cache: a few per image, 100 MB each.
_LEFTOVERS = 30


@dataclass(frozen=True)
class Outcome:
    """How it went for one image: a record, or the error that prevented it."""

    image: Image
    record: Record | None
    built: bool = False
    error: str = ""


def build(
    images: Sequence[Image],
    progress: Progress,
    *,
    repository: Path = REPOSITORY,
    use_cache: bool = True,
    refresh_base: bool = False,
) -> list[Outcome]:
    """Bring images up to date, one after the other; when one fails, the others are built all the same.

    `use_cache=False` rebuilds every layer. `refresh_base` looks for a newer base image first.
    """
    version = catalogue.version(repository)
    buildah = Buildah(progress)
    if use_cache and not refresh_base:
        current = _all_current(images, repository, version)
        if current:
            return current
    with one_at_a_time(progress):
        base_id = _base_id(buildah, refresh=refresh_base)
        return [_outcome(buildah, image, repository, version, base_id, use_cache) for image in images]


def push(record: Record, registry: str, progress: Progress, *, insecure: bool = False) -> str:
    """Push a finished image to `registry` (host, optionally with a path); returns the reference it has there.

    `insecure` allows plain HTTP and certificates that can't be verified. Pushes this machine's architecture.
    """
    buildah = Buildah(progress)
    log = log_of(record.name)
    ensure_stored(buildah, record, log)
    name_and_tag = record.reference.rpartition("/")[2]
    target = f"{registry.rstrip('/')}/{name_and_tag}"
    progress(f"{record.name}: pushing to {target}")
    verify = ["--tls-verify=false"] if insecure else []
    buildah.show(f"{record.name}: push", log, "push", *verify, record.reference, f"docker://{target}")
    return target


def ensure_stored(buildah: Buildah, record: Record, log: Path) -> None:
    """Have a finished image in buildah's storage, where its archive may have outlived it."""
    if buildah.image_id(record.reference) != record.image_id:
        buildah.show(f"{record.name}: unpack", log, "pull", f"docker-archive:{record.archive}")


def _all_current(images: Sequence[Image], repository: Path, version: str) -> list[Outcome]:
    """The images when none has to be built, found without waiting for builds that others run; else nothing."""
    if not _base_note().exists():
        return []
    try:
        records = [
            _current(image, contents.content_hash(image, repository, _base_note().read_text()), version)
            for image in images
        ]
    except ImageError:
        return []
    if None in records:
        return []
    return [Outcome(image, record) for image, record in zip(images, records, strict=True)]


def _current(image: Image, content_hash: str, version: str) -> Record | None:
    record = archive.load(image.name)
    if record and (record.content_hash, record.reference) == (content_hash, image.reference(version)):
        return record
    return None


def _outcome(
    buildah: Buildah, image: Image, repository: Path, version: str, base_id: str, use_cache: bool
) -> Outcome:
    try:
        content_hash = contents.content_hash(image, repository, base_id)
        record = _current(image, content_hash, version) if use_cache else None
        if record:
            return Outcome(image, record)
        record = _built(buildah, image, repository, version, content_hash, use_cache)
        return Outcome(image, record, built=True)
    except ImageError as error:
        buildah.progress(str(error))
        return Outcome(image, None, error=str(error))


def _built(
    buildah: Buildah, image: Image, repository: Path, version: str, content_hash: str, use_cache: bool
) -> Record:
    started = time.monotonic()
    log = log_of(image.name)
    log.unlink(missing_ok=True)
    reference = image.reference(version)
    buildah.build(
        title=image.name,
        dockerfile=repository / image.dockerfile,
        context=repository,
        ignore=contents.ignore_file(image, repository),
        arguments=image.arguments,
        reference=reference,
        labels={
            CONTENT_HASH_LABEL: content_hash,
            "org.opencontainers.image.title": image.name,
            "org.opencontainers.image.version": version,
        },
        use_cache=use_cache,
        log=log,
    )
    image_id = buildah.image_id(reference)
    if image_id is None:
        raise ImageError(f"{reference} is not in the storage after its build; see {log}")
    target = archive.archive_path(image.name, content_hash)
    # buildah doesn't overwrite an archive.
    target.unlink(missing_ok=True)
    buildah.show(f"{image.name}: export", log, "push", reference, f"docker-archive:{target}:{reference}")
    record = Record(
        name=image.name,
        reference=reference,
        content_hash=content_hash,
        image_id=image_id,
        unpacked_bytes=target.stat().st_size,
        compressed_bytes_estimate=archive.compressed_estimate(target),
        build_seconds=round(time.monotonic() - started, 1),
    )
    record.save()
    buildah.prune(keep=_LEFTOVERS)
    buildah.progress(f"{record.name}: built in {record.build_seconds:.0f} s")
    return record


def _base_id(buildah: Buildah, *, refresh: bool) -> str:
    """The base's ID from its note, without asking buildah, as long as the storage is there."""
    note = _base_note()
    if refresh or not note.exists():
        prerequisites.ensure(buildah.progress)
        identity = base.ensure(buildah, refresh=refresh)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(identity)
    return note.read_text()


def _base_note() -> Path:
    return folders.cache() / "storage/base-id"


def log_of(name: str) -> Path:
    """Where the full log of an image's build goes; its folder exists afterwards."""
    folders.logs().mkdir(parents=True, exist_ok=True)
    return folders.logs() / f"{name}.log"


@contextmanager
def one_at_a_time(progress: Progress) -> Iterator[None]:
    """Two builds at once would write the same archives."""
    with locks.held(folders.cache() / "lock", "another image build is running", progress):
        yield
