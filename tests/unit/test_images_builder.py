"""Builds with the real buildah, of images from scratch that take no network."""

import fcntl
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from storefront_dev.images import builder, folders, report
from storefront_dev.images.catalogue import Image
from storefront_dev.progress import Progress

IMAGE = Image("shop", "shop/Dockerfile", ("shop/page",), (("PAGE", "page"),))
BROKEN = Image("broken", "shop/broken", ("shop/page",))

pytestmark = pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STOREFRONT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STOREFRONT_STATE", str(tmp_path / "state"))
    # These images have no base; without the note the builder would make Debian first.
    (folders.cache() / "storage").mkdir(parents=True)
    (folders.cache() / "storage/base-id").write_text("none")
    root = tmp_path / "repository"
    for name, content in {
        "operator/storefront_operator/__init__.py": '__version__ = "7.8.9"\n',
        "shop/Dockerfile": "FROM scratch\nARG PAGE\nCOPY shop/${PAGE} /page\nUSER 1:1\n",
        "shop/broken": "FROM scratch\nCOPY shop/secret /\n",
        "shop/page": "hello",
        "shop/secret": "not declared as an input",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_an_image_is_built_once_and_again_after_a_change(repository: Path) -> None:
    [first] = builder.build([IMAGE], Progress(io.StringIO()), repository=repository)
    [second] = builder.build([IMAGE], Progress(io.StringIO()), repository=repository)
    (repository / "shop/page").write_text("good morning")
    [third] = builder.build([IMAGE], Progress(io.StringIO()), repository=repository)

    assert (first.built, second.built, third.built) == (True, False, True)
    assert first.record
    assert third.record
    assert first.record == second.record
    assert not first.record.archive.exists(), "the archive of the old contents takes space for nothing"
    with tarfile.open(third.record.archive) as archive:
        [manifest] = json.load(_member(archive, "manifest.json"))
        assert manifest["RepoTags"] == ["storefront.local/shop:7.8.9"]
        labels = json.load(_member(archive, manifest["Config"]))["config"]["Labels"]
        assert labels[builder.CONTENT_HASH_LABEL] == third.record.content_hash
        with tarfile.open(fileobj=_member(archive, manifest["Layers"][-1])) as layer:
            assert _member(layer, "page").read() == b"good morning"


@pytest.mark.timeout(60)
def test_what_is_up_to_date_does_not_wait_for_the_builds_of_others(repository: Path) -> None:
    builder.build([IMAGE], Progress(io.StringIO()), repository=repository)
    with (folders.cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        [outcome] = builder.build([IMAGE], Progress(io.StringIO()), repository=repository)
    assert not outcome.built


def test_a_failure_names_the_log_and_does_not_stop_the_other_images(repository: Path) -> None:
    progress = io.StringIO()
    broken, fine = builder.build([BROKEN, IMAGE], Progress(progress), repository=repository)

    # The file is there, but nobody declared it: its changes would never lead to a rebuild.
    assert "shop/secret" in broken.error
    assert f"Full log: {folders.logs() / 'broken.log'}" in broken.error
    assert broken.error in progress.getvalue()
    assert fine.built
    table = report.table([broken, fine])
    assert "FAILED" in table
    assert "storefront.local/shop:7.8.9" in table


def _member(archive: tarfile.TarFile, name: str) -> io.BufferedIOBase:
    # Layers are hard links to blobs in some versions, plain files in others.
    file = archive.extractfile(name)
    assert file is not None
    return io.BytesIO(file.read())
