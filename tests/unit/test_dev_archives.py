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
        archives.write_program_image(tmp_path / name, reference="registry.test/pause:1", program=program)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def docker_archive(path: Path, layers: list[bytes], tags: list[str] | None) -> Path:
    """An archive as `docker save` and buildah write it."""
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [f"sha256:{each}" for each in digests]}})
    name = f"{hashlib.sha256(config.encode()).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": tags, "Layers": [f"{each}.tar" for each in digests]}]
    files = {f"{digest}.tar": layer for digest, layer in zip(digests, layers, strict=True)}
    return write_tar(path, {**files, name: config.encode(), "manifest.json": json.dumps(manifest).encode()})


def test_a_docker_archive_may_name_its_image_several_times(tmp_path: Path) -> None:
    tags = ["registry.example.com/a:1", "localhost/b:1"]
    found = archives.references(docker_archive(tmp_path / "docker.tar", [b"layer"], tags))
    assert list(found) == tags
    assert len(set(found.values())) == 1


@pytest.mark.parametrize("tag", ["a:1", "team/a:1"])
def test_a_name_without_a_registry_is_refused(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ClusterError, match=f"'{tag}' has no registry in its name"):
        archives.references(docker_archive(tmp_path / "docker.tar", [b"layer"], [tag]))


def test_only_what_is_missing_is_sent_and_the_image_stays_the_same(tmp_path: Path) -> None:
    source = docker_archive(tmp_path / "docker.tar", [b"base layer", b"own layer"], ["registry.test/a:1"])
    base, own = (f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in (b"base layer", b"own layer"))

    sent = {}
    for name, present in (("all", set()), ("rest", {base}), ("none", {base, own})):
        with (tmp_path / name).open("wb") as output:
            archives.write_missing(source, present, output)
        with tarfile.open(tmp_path / name) as tar:
            sent[name] = {member.name: member.size for member in tar}

    assert archives.references(tmp_path / "all") == archives.references(source)
    blob = {digest: "blobs/" + digest.replace(":", "/") for digest in (base, own)}
    assert sent["all"].keys() - sent["rest"].keys() == {blob[base]}
    assert sent["rest"].keys() - sent["none"].keys() == {blob[own]}
    manifest = archives.read(tmp_path / "all")[0].manifest
    assert [(layer["digest"], layer["size"]) for layer in json.loads(manifest)["layers"]] == [
        (base, 10),
        (own, 9),
    ]


def test_an_archive_of_ours_is_sent_as_it_is(tmp_path: Path, program: Path) -> None:
    archives.write_program_image(tmp_path / "image.tar", reference="registry.test/pause:1", program=program)
    with (tmp_path / "copy.tar").open("wb") as output:
        archives.write_missing(tmp_path / "image.tar", set(), output)
    assert archives.read(tmp_path / "copy.tar") == archives.read(tmp_path / "image.tar")


def test_compressed_layers_in_a_docker_archive_are_refused(tmp_path: Path) -> None:
    archive = docker_archive(tmp_path / "docker.tar", [b"\x1f\x8bgzip"], ["registry.test/a:1"])
    with pytest.raises(ClusterError, match="is compressed"):
        archives.references(archive)


def test_an_archive_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="names no image"):
        archives.references(docker_archive(tmp_path / "docker.tar", [b"layer"], None))


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
