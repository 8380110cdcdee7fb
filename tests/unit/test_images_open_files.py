"""Which archives a cluster gets where few files may be open."""

import ctypes
import io
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from storefront_dev.clusters import Cluster
from storefront_dev.folders import REPOSITORY
from storefront_dev.images import open_files
from storefront_dev.images.archive import Record
from storefront_dev.progress import Progress

SOURCE = REPOSITORY / "dev/storefront_dev/images/open_files_shim/open_files.c"


@dataclass
class Named:
    name: str


def record(name: str) -> Record:
    return Record(name, f"storefront.local/{name}:1", "0" * 64, "1" * 64, 1, 1, 1.0)


def archives(cluster: str, allowed: int, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(open_files, "allowed", lambda: allowed)
    monkeypatch.setattr(open_files, "derived", lambda record, _: Path(f"{record.name} with the shim"))
    named: Cluster = Named(cluster)  # type: ignore[assignment]
    images = [record("elasticsearch"), record("postgres")]
    return open_files.archives_for(named, images, Progress(io.StringIO()))


@pytest.mark.parametrize(
    ("cluster", "allowed", "shimmed"),
    [
        ("embedded", 20_000, True),
        ("embedded", 65_535, False),
        ("context:kind", 20_000, False),
        ("simulated", 20_000, False),
    ],
)
def test_only_the_embedded_cluster_on_a_machine_with_few_files_gets_the_shim(
    cluster: str, allowed: int, shimmed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, postgres = archives(cluster, allowed, monkeypatch)

    assert (search == Path("elasticsearch with the shim")) is shimmed
    assert postgres == record("postgres").archive


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize(("soft", "expected"), [(100, 65_535), (70_000, 70_000)])
def test_the_shim_answers_with_what_is_wanted_and_leaves_more_as_it_is(
    soft: int, expected: int, tmp_path: Path
) -> None:
    if soft > resource.getrlimit(resource.RLIMIT_NOFILE)[1]:
        pytest.skip("this machine allows fewer")
    library = tmp_path / "open_files.so"
    subprocess.run(["gcc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    program = (
        "import resource, ctypes\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {soft}))\n"
        f"shim = ctypes.CDLL({str(library)!r})\n"
        f"limits = (ctypes.c_ulong * {ctypes.sizeof(ctypes.c_ulong * 2) // 8})()\n"
        f"assert shim.getrlimit({int(resource.RLIMIT_NOFILE)}, limits) == 0\n"
        f"assert shim.getrlimit({int(resource.RLIMIT_CORE)}, (ctypes.c_ulong * 2)()) == 0\n"
        "print(limits[0])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(result.stdout) == expected
