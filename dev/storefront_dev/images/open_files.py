"""Images that refuse to start where too few files may be open, made to start on the embedded cluster.

Elasticsearch checks at its start that 65,535 files may be open. Container runtimes grant that, but a machine whose
hard limit is lower and who lets nobody raise it cannot. There, the embedded cluster gets an image made of the
product's one, which gives the check the answer it wants. The real limit stays what it is.
"""

import hashlib
import resource
from collections.abc import Sequence
from pathlib import Path

from storefront_dev.clusters import Cluster
from storefront_dev.images import archive, builder
from storefront_dev.images.archive import Record
from storefront_dev.images.buildah import Buildah
from storefront_dev.progress import Progress

REQUIRED = 65_535
"""What Elasticsearch asks for (its guide, "Bootstrap checks")."""

_PARTICULAR = frozenset({"elasticsearch"})
_SHIM = Path(__file__).parent / "open_files_shim"


def archives_for(cluster: Cluster, records: Sequence[Record], progress: Progress) -> list[Path]:
    """The archives to load into a cluster: the images' own, but for the embedded one on a machine with few files."""
    if cluster.name != "embedded" or allowed() >= REQUIRED:
        return [record.archive for record in records]
    return [derived(record, progress) if record.name in _PARTICULAR else record.archive for record in records]


def allowed() -> int:
    """How many files a process on this machine may have open at most."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return REQUIRED if hard == resource.RLIM_INFINITY else hard


def derived(record: Record, progress: Progress) -> Path:
    """The archive of an image with the shim, under the product's own reference; built when it is not there yet."""
    digest = hashlib.sha256(record.content_hash.encode())
    for file in sorted(_SHIM.iterdir()):
        digest.update(file.read_bytes())
    name = f"{record.name}-open-files"
    target = archive.archive_path(name, digest.hexdigest())
    if target.exists():
        return target
    progress(f"{record.name}: this machine allows {allowed()} open files; adding the shim for development")
    with builder.one_at_a_time(progress):
        _build(Buildah(progress), record, name, target)
    for old in target.parent.glob(f"{name}-????????????????.tar"):
        if old != target:
            old.unlink()
    return target


def _build(buildah: Buildah, record: Record, name: str, target: Path) -> None:
    log = builder.log_of(name)
    log.unlink(missing_ok=True)
    builder.ensure_stored(buildah, record, log)
    reference = f"localhost/{name}"
    buildah.show(
        name,
        log,
        "build",
        "--pull=never",
        "--layers",
        "--force-rm",
        f"--build-arg=PRODUCT={record.reference}",
        f"--tag={reference}",
        str(_SHIM),
    )
    unfinished = target.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    buildah.show(f"{name}: export", log, "push", reference, f"docker-archive:{unfinished}:{record.reference}")
    unfinished.rename(target)
