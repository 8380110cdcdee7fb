"""buildah, which builds ordinary Dockerfiles without a daemon.

Isolation is chroot: it needs no user namespaces, cgroups or container runtime, so it also works on machines
that are containers themselves. Its storage is the project's own, so nothing else on the machine is touched.
"""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from storefront_dev.images import folders
from storefront_dev.images.commands import run
from storefront_dev.images.errors import ImageError
from storefront_dev.progress import Progress

_CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Buildah:
    """The few things of buildah that building the images takes."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._storage = folders.cache() / "storage"

    def command(self, *arguments: str) -> list[str]:
        """The full command line, for running it here or printing it for a person."""
        return [
            "buildah",
            f"--root={self._storage / 'root'}",
            f"--runroot={self._storage / 'run'}",
            "--storage-driver=overlay",
            *arguments,
        ]

    def image_id(self, reference: str) -> str | None:
        """The ID (hex) of an image in the storage, None when it isn't there."""
        result = self._quietly("images", "--quiet", "--no-trunc", "--filter", f"reference={reference}")
        return result.split()[0].removeprefix("sha256:") if result.strip() else None

    def build(
        self,
        *,
        title: str,
        dockerfile: Path,
        context: Path,
        ignore: str,
        arguments: Iterable[tuple[str, str]],
        reference: str,
        labels: Mapping[str, str],
        use_cache: bool,
        log: Path,
    ) -> None:
        """Build one Dockerfile; `ignore` is the text of the .dockerignore to use.

        Base images are taken from the storage only: `base` put them there.
        """
        with tempfile.TemporaryDirectory() as folder:
            ignore_file = Path(folder) / "ignore"
            ignore_file.write_text(ignore)
            bundle = ca_bundle()
            self.show(
                title,
                log,
                "build",
                "--pull=never",
                "--layers",
                "--force-rm",
                *([] if use_cache else ["--no-cache"]),
                *([f"--secret=id=ca,src={bundle}"] if bundle else []),
                *(f"--build-arg={key}={value}" for key, value in arguments),
                *(f"--label={key}={value}" for key, value in labels.items()),
                f"--ignorefile={ignore_file}",
                f"--file={dockerfile}",
                f"--tag={reference}",
                str(context),
            )

    def prune(self, keep: int) -> None:
        """Remove the oldest leftovers of former builds, with the layers that only they use, all but `keep`.

        The newer ones are the cache of the next builds.
        """
        listed = json.loads(self._quietly("images", "--json", "--filter", "dangling=true") or "null") or []
        newest_first = sorted(listed, key=lambda image: image["created"], reverse=True)
        for image in newest_first[keep:]:
            # One that something else still needs stays until that is gone.
            with contextlib.suppress(ImageError):
                self._quietly("rmi", image["id"])

    def show(self, title: str, log: Path, *arguments: str) -> None:
        """Run buildah with its steps shown. Raises ImageError when it fails."""
        run(
            ["nice", *self.command(*arguments)],
            title=title,
            progress=self.progress,
            log=log,
            environment=_environment(),
            is_step=_is_work,
        )

    def import_root(self, tar: Path, reference: str, log: Path) -> None:
        """Make an image of one layer from a root file system."""
        container = self._quietly("from", "scratch").strip()
        try:
            self._quietly("add", container, str(tar), "/")
            self._quietly("config", "--cmd", '["bash"]', "--env", f"PATH={_PATH}", container)
            self.show("base", log, "commit", container, reference)
        finally:
            self._quietly("rm", container)

    def _quietly(self, *arguments: str) -> str:
        result = subprocess.run(
            self.command(*arguments), env=_environment(), capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise ImageError(f"buildah {' '.join(arguments)} failed: {result.stderr.strip()}")
        return result.stdout


def _is_work(line: str) -> bool:
    """Steps that take time; the others only write metadata."""
    return "STEP " in line[:12] and any(f": {word} " in line[:24] for word in ("FROM", "RUN", "COPY", "ADD"))


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def ca_bundle() -> Path | None:
    """The certificates this machine trusts: the builds trust them too, since registries may be behind a
    private authority."""
    for candidate in (os.environ.get("SSL_CERT_FILE"), *_CA_BUNDLES):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None


def _environment() -> dict[str, str]:
    return {"BUILDAH_ISOLATION": "chroot", **os.environ}
