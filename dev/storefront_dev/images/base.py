"""The base of every image: debian:bookworm-slim, from a registry or, where none answers, made here.

mmdebstrap makes it as the official one is made: the same package set (minbase) and the same settings of dpkg
and apt, which are what "slim" means.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from storefront_dev.images import folders
from storefront_dev.images.buildah import Buildah
from storefront_dev.images.commands import run
from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress

REFERENCE = "docker.io/library/debian:bookworm-slim"

_SUITE = "bookworm"
_SETTINGS = Path(__file__).parent / "debian"
_HOOKS = Path("/usr/share/mmdebstrap/hooks")
_REGISTRY_SECONDS = 20


def ensure(buildah: Buildah, *, refresh: bool = False) -> str:
    """The base image's ID (hex); gets or makes it when it isn't in the storage, or when `refresh` is set."""
    present = buildah.image_id(REFERENCE)
    if present and not refresh:
        return present
    log = folders.logs() / "base.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    buildah.progress(f"base: asking a registry for {REFERENCE}")
    if not _pulled(buildah, log):
        buildah.progress("base: no registry serves it; making it with mmdebstrap")
        buildah.import_root(_root_file_system(buildah.progress, log, refresh=refresh), REFERENCE, log)
    made = buildah.image_id(REFERENCE)
    if made is None:
        raise ImageError(f"{REFERENCE} is not in the storage after it was made; see {log}")
    return made


def _pulled(buildah: Buildah, log: Path) -> bool:
    """Whether a registry gave the image; one that says nothing for long is none."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            buildah.command("pull", "--retry=0", "--policy=always", REFERENCE),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        return process.wait(_REGISTRY_SECONDS) == 0
    except subprocess.TimeoutExpired:
        if b"Copying" in log.read_bytes():
            # It answers and is only slow.
            return process.wait() == 0
        process.kill()
        process.wait()
        return False


def _root_file_system(progress: Progress, log: Path, *, refresh: bool) -> Path:
    """The tar that mmdebstrap makes; a second call reuses it."""
    recipe = hashlib.sha256()
    for path in (Path(__file__), *sorted(p for p in _SETTINGS.rglob("*") if p.is_file())):
        recipe.update(path.read_bytes())
    tar = folders.cache() / f"debian-{_SUITE}-slim-{recipe.hexdigest()[:12]}.tar"
    if refresh or not tar.exists():
        tar.parent.mkdir(parents=True, exist_ok=True)
        unfinished = tar.with_suffix(".part.tar")
        run(
            ["nice", *_mmdebstrap(unfinished)],
            title="base",
            progress=progress,
            log=log,
            environment=os.environ,
            is_step=lambda line: line.startswith("I: ") and "hook" not in line,
        )
        unfinished.rename(tar)
    return tar


def _mmdebstrap(tar: Path) -> list[str]:
    return [
        "mmdebstrap",
        "--variant=minbase",
        # usr-is-merged instead of usrmerge, as the official image has it: the latter drags in all of Perl.
        f"--hook-dir={_HOOKS / 'merged-usr'}",
        "--include=usr-is-merged",
        f"--dpkgopt={_SETTINGS / 'dpkg.cfg.d/docker'}",
        # apt's index, 74 MB: the settings below tell apt not to keep it, so it would not clean it up either.
        '--customize-hook=rm "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$1"/var/cache/apt/*.bin',
        f"--customize-hook=sync-in {_SETTINGS / 'dpkg.cfg.d'} /etc/dpkg/dpkg.cfg.d",
        f"--customize-hook=sync-in {_SETTINGS / 'apt.conf.d'} /etc/apt/apt.conf.d",
        f"--customize-hook=copy-in {_SETTINGS / 'policy-rc.d'} /usr/sbin",
        _SUITE,
        str(tar),
    ]
