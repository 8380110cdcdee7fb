"""Container images as files: reading what an archive holds, and writing archives of our own."""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from storefront_dev.errors import ClusterError

_EPOCH = "1970-01-01T00:00:00Z"
_NOBODY = 65532
_NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True)
class Image:
    """An image in an archive. `files` maps the digests of its configuration and layers to members of the
    archive; the manifest may be ours, for docker archives have none.
    """

    references: tuple[str, ...]
    manifest: bytes
    media_type: str
    config: str
    files: dict[str, str]


def read(archive: Path) -> list[Image]:
    """The images in a docker or OCI archive.

    Raises ClusterError when the file is no image archive or names no image.
    """
    try:
        with tarfile.open(archive) as tar:
            # A name may be in there twice; the last one counts, as it does for tar itself.
            names = {member.name.removeprefix("./"): member.name for member in tar}
            if "manifest.json" in names:
                images = _read_docker(tar, names)
            elif "index.json" in names:
                images = _read_oci(tar, names)
            else:
                images = []
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise ClusterError(f"{archive} is not an image archive: {error}") from error
    if not images:
        raise ClusterError(f"{archive} names no image; write it with a name, such as registry/name:tag")
    return images


def references(archive: Path) -> dict[str, str]:
    """The full reference of each image in an archive with the digest of its configuration.

    That digest is the image's id to Kubernetes, and the same in both formats.
    """
    return {reference: image.config for image in read(archive) for reference in image.references}


def write_missing(archive: Path, present: Collection[str], output: IO[bytes]) -> None:
    """Write an OCI archive of the same images, without the files whose digests are `present` where it is
    going.
    """
    images = read(archive)
    with tarfile.open(archive) as tar, tarfile.open(fileobj=output, mode="w|") as copy:
        written = set(present)
        for image in images:
            for digest, name in image.files.items():
                if digest not in written:
                    written.add(digest)
                    file = tar.extractfile(name)
                    assert file is not None
                    file.seek(0, io.SEEK_END)
                    info = _member(_blob_name(digest), file.tell())
                    file.seek(0)
                    copy.addfile(info, file)
            _add(copy, _blob_name(_digest(image.manifest)), image.manifest)
        _write_index(copy, images)


def write_program_image(archive: Path, *, reference: str, program: Path) -> None:
    """Write an OCI archive whose image holds one static program as its entry point and nothing else."""
    name = reference.rpartition("/")[2].partition(":")[0]
    layer = _layer(program, name)
    config = _json(
        {
            "created": _EPOCH,
            "architecture": _architecture(program),
            "os": "linux",
            "config": {"Entrypoint": [f"/{name}"], "User": f"{_NOBODY}:{_NOBODY}", "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            "history": [{"created": _EPOCH, "created_by": f"storefront-dev: {name}"}],
        }
    )
    manifest = _manifest(_descriptor(config, _CONFIG), [_descriptor(layer, _LAYER)])
    image = Image((reference,), manifest, _MANIFEST, _digest(config), {})
    partial = archive.with_name(archive.name + ".partial")
    with tarfile.open(partial, "w") as tar:
        for blob in (config, layer, manifest):
            _add(tar, _blob_name(_digest(blob)), blob)
        _write_index(tar, [image])
    partial.rename(archive)


def _read_docker(tar: tarfile.TarFile, names: dict[str, str]) -> list[Image]:
    images = []
    for entry in json.loads(_content(tar, names["manifest.json"])):
        config = _content(tar, names[entry["Config"]])
        files = {_digest(config): names[entry["Config"]]}
        layers = []
        for diff_id, layer in zip(json.loads(config)["rootfs"]["diff_ids"], entry["Layers"], strict=True):
            file = tar.extractfile(names[layer])
            if file is None or file.read(4).startswith(_COMPRESSED):
                raise ValueError(f"its layer {layer} is compressed, which only OCI archives may have")
            layers.append({"mediaType": _LAYER, "digest": diff_id, "size": file.seek(0, io.SEEK_END)})
            files[diff_id] = names[layer]
        tags = tuple(_in_full(tag) for tag in entry.get("RepoTags") or ())
        if tags:
            manifest = _manifest(_descriptor(config, _CONFIG), layers)
            images.append(Image(tags, manifest, _MANIFEST, _digest(config), files))
    return images


def _read_oci(tar: tarfile.TarFile, names: dict[str, str]) -> list[Image]:
    images = []
    for entry in json.loads(_content(tar, names["index.json"]))["manifests"]:
        annotations = entry.get("annotations", {})
        reference = next((annotations[each] for each in _NAME_ANNOTATIONS if each in annotations), None)
        if reference and entry["mediaType"].endswith(("manifest.v1+json", "manifest.v2+json")):
            manifest = _content(tar, names[_blob_name(entry["digest"])])
            document = json.loads(manifest)
            config = document["config"]["digest"]
            digests = [config, *(layer["digest"] for layer in document["layers"])]
            files = {digest: names[_blob_name(digest)] for digest in digests}
            images.append(Image((_in_full(reference),), manifest, entry["mediaType"], config, files))
    return images


def _write_index(tar: tarfile.TarFile, images: list[Image]) -> None:
    manifests = [
        {
            **_descriptor(image.manifest, image.media_type),
            "annotations": dict.fromkeys(_NAME_ANNOTATIONS, reference),
        }
        for image in images
        for reference in image.references
    ]
    _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": manifests}))
    _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))


def _in_full(reference: str) -> str:
    """The reference, if it names its registry: Kubernetes would look for a short one in another place."""
    first, slash, _ = reference.partition("/")
    if not slash or (first != "localhost" and not set(first) & {".", ":"}):
        raise ValueError(f"its image {reference!r} has no registry in its name; use registry/name:tag")
    return reference


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _layer(program: Path, name: str) -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, name, program.read_bytes(), mode=0o755)
    return layer.getvalue()


def _architecture(program: Path) -> str:
    # The machine field of the ELF header: an image must not claim the builder's architecture for another's.
    with program.open("rb") as file:
        machine = int.from_bytes(file.read(20)[18:20], "little")
    return {62: "amd64", 183: "arm64"}[machine]


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    tar.addfile(_member(name, len(data), mode), io.BytesIO(data))


def _member(name: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = mode
    return info


def _manifest(config: dict[str, Any], layers: list[dict[str, Any]]) -> bytes:
    return _json({"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers})


def _descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _blob_name(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
