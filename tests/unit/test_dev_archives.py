"""Image archives: what is written can be read, and what is read is named."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from storefront_dev import archives
from storefront_dev.errors import ClusterError

ELF_AMD64 = b"\x7fELF".ljust(18, b"\0") + (62).to_bytes(2, "little") + b"program"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(ELF_AMD64)
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_a_written_image_holds_the_program_and_consistent_digests(tmp_path: Path, program: Path) -> None:
    archive = tmp_path / "image.tar"
    archives.write_program_image(archive, reference="storefront.local/pause:dev", program=program)

    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    blobs = {name: data for name, data in files.items() if name.startswith("blobs/")}
    assert all(name.rpartition("/")[2] == hashlib.sha256(data).hexdigest() for name, data in blobs.items())
    manifest = json.loads(_blob(files, json.loads(files["index.json"])["manifests"][0]["digest"]))
    config = json.loads(_blob(files, manifest["config"]["digest"]))
    assert config["architecture"] == "amd64"
    assert config["config"]["Entrypoint"] == ["/pause"]
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    with tarfile.open(fileobj=io.BytesIO(_blob(files, manifest["layers"][0]["digest"]))) as layer:
        member = layer.getmember("pause")
        assert member.mode == 0o755
        assert layer.extractfile(member).read() == ELF_AMD64  # type: ignore[union-attr]
    assert archives.references(archive) == {"storefront.local/pause:dev": manifest["config"]["digest"]}


def test_the_same_program_gives_the_same_image(tmp_path: Path, program: Path) -> None:
    for name in ("a", "b"):
        archives.write_program_image(tmp_path / name, reference="registry/pause:1", program=program)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("config", ["abc.json", "blobs/sha256/abc"])
def test_a_docker_archive_names_its_images_by_the_digest_of_the_configuration(
    tmp_path: Path, config: str
) -> None:
    manifest: list[dict[str, object]] = [
        {"Config": config, "RepoTags": ["registry/a:1", "registry/b:1"], "Layers": []}
    ]
    archive = write_tar(tmp_path / "docker.tar", {"manifest.json": json.dumps(manifest).encode()})
    assert archives.references(archive) == {"registry/a:1": "sha256:abc", "registry/b:1": "sha256:abc"}


def test_an_archive_without_a_name_is_refused(tmp_path: Path) -> None:
    manifest: list[dict[str, object]] = [{"Config": "abc.json", "RepoTags": None, "Layers": []}]
    archive = write_tar(tmp_path / "docker.tar", {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(ClusterError, match="names no image"):
        archives.references(archive)


@pytest.mark.parametrize("content", [b"", b"not a tar", b"{}"])
def test_what_is_no_archive_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing.tar"
    path.write_bytes(content)
    with pytest.raises(ClusterError, match=r"thing\.tar"):
        archives.references(path)


def test_a_missing_archive_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"missing\.tar"):
        archives.references(tmp_path / "missing.tar")


def _blob(files: dict[str, bytes], digest: str) -> bytes:
    return files["blobs/" + digest.replace(":", "/")]
