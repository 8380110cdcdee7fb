"""Container images as files: reading what an archive holds, and writing one around a static program."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from storefront_dev.errors import ClusterError

_EPOCH = "1970-01-01T00:00:00Z"
_NOBODY = 65532
_NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


def references(archive: Path) -> dict[str, str]:
    """The images in a docker or OCI archive: the full reference of each with the digest of its configuration.

    The configuration's digest is the image's id to Kubernetes, and the same in both formats.
    Raises ClusterError when the file is no image archive or names no image.
    """
    try:
        with tarfile.open(archive) as tar:
            members = {member.name.removeprefix("./"): member for member in tar}
            if "manifest.json" in members:
                found = _docker_references(tar, members)
            elif "index.json" in members:
                found = _oci_references(tar, members)
            else:
                found = {}
    except (OSError, tarfile.TarError, json.JSONDecodeError, KeyError) as error:
        raise ClusterError(f"{archive} is not an image archive: {error}") from error
    if not found:
        raise ClusterError(f"{archive} names no image; write it with a name, such as registry/name:tag")
    return found


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
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [_descriptor(layer, "application/vnd.oci.image.layer.v1.tar")],
        }
    )
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                **_descriptor(manifest, "application/vnd.oci.image.manifest.v1+json"),
                "annotations": dict.fromkeys(_NAME_ANNOTATIONS, reference),
            }
        ],
    }
    partial = archive.with_name(archive.name + ".partial")
    with tarfile.open(partial, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _json(index))
        for blob in (config, manifest, layer):
            _add(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
    partial.rename(archive)


def _docker_references(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> dict[str, str]:
    found = {}
    for image in _read(tar, members["manifest.json"]):
        # The configuration's file is named after its digest: <hex>.json, or blobs/sha256/<hex>.
        digest = "sha256:" + image["Config"].rpartition("/")[2].removesuffix(".json")
        found.update(dict.fromkeys(image.get("RepoTags") or [], digest))
    return found


def _oci_references(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> dict[str, str]:
    found = {}
    for entry in _read(tar, members["index.json"])["manifests"]:
        annotations = entry.get("annotations", {})
        name = next((annotations[each] for each in _NAME_ANNOTATIONS if each in annotations), None)
        if name and entry["mediaType"].endswith(("manifest.v1+json", "manifest.v2+json")):
            manifest = _read(tar, members["blobs/" + entry["digest"].replace(":", "/")])
            found[name] = manifest["config"]["digest"]
    return found


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    file = tar.extractfile(member)
    assert file is not None
    return json.load(file)


def _layer(program: Path, name: str) -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, name, program.read_bytes(), mode=0o755)
    return layer.getvalue()


def _architecture(program: Path) -> str:
    # The machine field of the ELF header: an image must not claim the builder's architecture for another's
    # program.
    with program.open("rb") as file:
        machine = int.from_bytes(file.read(20)[18:20], "little")
    return {62: "amd64", 183: "arm64"}[machine]


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = mode
    tar.addfile(info, io.BytesIO(data))


def _descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
