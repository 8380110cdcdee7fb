"""Images in the stores of the nodes' containerds."""

import contextlib
import fcntl
import hashlib
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from storefront_dev import archives, folders, node_config, processes, waiting
from storefront_dev.errors import ClusterError

_NAMESPACE = "k8s.io"
_RECORD = "storefront-images.json"


def seed(contents: Sequence[Path], pause_image: str) -> Path:
    """A store with the images of `contents` unpacked, kept in the cache: new nodes begin with a copy of it."""
    digest = hashlib.sha256()
    for archive in contents:
        digest.update(json.dumps(archives.references(archive), sort_keys=True).encode())
    folder = folders.cache() / "seed" / digest.hexdigest()[:20]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                with serving(partial, pause_image) as socket:
                    load(socket, partial, contents, unpack=True)
                partial.rename(folder)
    return folder


def clone(source: Path, target: Path) -> None:
    """Make `target` a store with what the stopped store `source` holds. Files are shared: none is ever
    changed in place, but for the databases, which are copied.
    """
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    same = source.stat().st_dev == target.parent.stat().st_dev
    subprocess.run(["cp", "-al" if same else "-a", source, partial], check=True)
    for database in [*source.rglob("*.db"), source / _RECORD]:
        copy = partial / database.relative_to(source)
        copy.unlink()
        shutil.copy2(database, copy)
    partial.rename(target)


def load(socket: Path, root: Path, contents: Sequence[Path], *, unpack: bool = False) -> list[str]:
    """Import what is not there yet into the containerd that serves `socket` from `root`; returns the new
    references.

    Without `unpack` an image is unpacked on a node when the first pod there uses it.
    """
    record = root / _RECORD
    known: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    present = set(_ctr(socket, "images", "list", "--quiet").split())
    new: list[str] = []
    for archive in contents:
        held = archives.references(archive)
        if all(known.get(name) == digest and name in present for name, digest in held.items()):
            continue
        _import(socket, archive, unpack)
        replaced = {known[name] for name, digest in held.items() if known.get(name, digest) != digest}
        known.update(held)
        # What nobody can name any more would fill the disk, one build after another. Containers that run
        # keep theirs.
        for digest in replaced - set(known.values()):
            if digest in present:
                # At once: what is on its way out must not count as present for the next import.
                _ctr(socket, "images", "remove", "--sync", digest)
        # After each import: what a crash leaves recorded is there.
        partial = record.with_suffix(".partial")
        partial.write_text(json.dumps(known, indent=2))
        partial.rename(record)
        new += held
    return new


def load_everywhere(
    stores: Sequence[tuple[Path, Path]], contents: Sequence[Path], *, unpack: bool = False
) -> list[list[str]]:
    """`load` into several stores, given as pairs of socket and root, at once."""
    with ThreadPoolExecutor(len(stores) or 1) as pool:
        return list(pool.map(lambda store: load(store[0], store[1], contents, unpack=unpack), stores))


@contextlib.contextmanager
def serving(root: Path, pause_image: str) -> Iterator[Path]:
    """A containerd without a node around it, for as long as the context lasts; gives its socket."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="storefront-containerd-") as scratch:
        folder = Path(scratch)
        configuration = folder / "containerd.toml"
        configuration.write_text(
            node_config.containerd(
                cni_programs=folder,
                cni_configuration=folder,
                pause_image=pause_image,
                root=str(root),
                state=scratch,
            )
        )
        log = folder / "containerd.log"
        pid = processes.start(root, "containerd", ["containerd", "--config", configuration], log)
        socket = folder / "containerd.sock"
        try:
            waiting.until(
                lambda: socket.exists() or not processes.alive(pid),
                "containerd answers",
                seconds=20,
                detail=lambda: processes.last_lines(log),
            )
            if not processes.alive(pid):
                raise ClusterError(f"containerd ended\n{processes.last_lines(log)}")
            yield socket
        finally:
            processes.kill([pid], signals=[(signal.SIGTERM, 5), (signal.SIGKILL, 5)])


def _import(socket: Path, archive: Path, unpack: bool) -> None:
    """Send an archive to a containerd, but not the layers that it has already from other images."""
    present = set(_ctr(socket, "content", "list", "--quiet").split())
    command = _command(socket, "images", "import", *([] if unpack else ["--no-unpack"]), "-")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        # When ctr gives up, its own words say why.
        with contextlib.suppress(BrokenPipeError), process.stdin:
            archives.write_missing(archive, present, process.stdin)
        errors = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise ClusterError(f"containerd does not accept {archive}: {errors}")


def _ctr(socket: Path, *arguments: str) -> str:
    result = subprocess.run(_command(socket, *arguments), capture_output=True, text=True, check=False)
    if result.returncode:
        raise ClusterError(f"`{' '.join(arguments)}` failed in containerd: {result.stderr.strip()}")
    return result.stdout


def _command(socket: Path, *arguments: str) -> list[str]:
    return ["ctr", "--address", str(socket), "--namespace", _NAMESPACE, *arguments]
