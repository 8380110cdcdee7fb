"""What an image is made of decides whether it is rebuilt."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from storefront_dev.folders import REPOSITORY
from storefront_dev.images import catalogue, contents
from storefront_dev.images.catalogue import Image
from storefront_dev.images.errors import ImageError

IMAGE = Image("shop", "images/shop/Dockerfile", ("images/shop", "requirements/shop.txt"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, content in {
        ".dockerignore": "# comment\n**/__pycache__\n**/*.pyc\n",
        "images/shop/Dockerfile": "FROM debian:bookworm-slim\n",
        "images/shop/start": "#!/bin/sh\n",
        "images/other/start": "#!/bin/sh\n",
        "requirements/shop.txt": "kopf==1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def _edit(repository: Path) -> None:
    (repository / "images/shop/start").write_text("#!/bin/bash\n")


def _rename(repository: Path) -> None:
    (repository / "images/shop/start").rename(repository / "images/shop/begin")


def _make_executable(repository: Path) -> None:
    (repository / "images/shop/start").chmod(0o755)


def _add(repository: Path) -> None:
    (repository / "images/shop/more").touch()


def _link(repository: Path) -> None:
    (repository / "images/shop/link").symlink_to("start")


@pytest.mark.parametrize("change", [_edit, _rename, _make_executable, _add, _link])
def test_a_change_of_an_input_changes_the_hash(repository: Path, change: Callable[[Path], None]) -> None:
    before = contents.content_hash(IMAGE, repository, base="b")
    change(repository)
    assert contents.content_hash(IMAGE, repository, base="b") != before


def test_another_argument_changes_the_hash(repository: Path) -> None:
    def hashed(*arguments: tuple[str, str]) -> str:
        return contents.content_hash(replace(IMAGE, arguments=arguments), repository, base="b")

    assert len({hashed(), hashed(("A", "1")), hashed(("A", "2")), hashed(("B", "1"))}) == 4


def test_another_base_changes_the_hash(repository: Path) -> None:
    assert contents.content_hash(IMAGE, repository, base="b") != contents.content_hash(
        IMAGE, repository, base="c"
    )


def test_what_is_no_input_or_ignored_does_not_change_the_hash(repository: Path) -> None:
    before = contents.content_hash(IMAGE, repository, base="b")
    (repository / "images/other/start").write_text("else")
    (repository / "images/shop/__pycache__").mkdir()
    (repository / "images/shop/__pycache__/start.txt").touch()
    (repository / "images/shop/start.pyc").touch()
    assert contents.content_hash(IMAGE, repository, base="b") == before


def test_a_missing_input_is_named(repository: Path) -> None:
    (repository / "requirements/shop.txt").unlink()
    with pytest.raises(ImageError, match=r"'shop' needs requirements/shop\.txt"):
        contents.files(IMAGE, repository)


def test_an_unknown_image_is_named_with_those_that_exist() -> None:
    with pytest.raises(ImageError, match=r"'nginks' is not known; known images: operator, nginx"):
        catalogue.select(["nginx", "nginks"])


@pytest.mark.parametrize("image", catalogue.IMAGES, ids=lambda image: image.name)
def test_images_of_this_repository_run_as_a_numeric_user_on_debian(image: Image) -> None:
    assert REPOSITORY / image.dockerfile in contents.files(image, REPOSITORY)
    lines = (REPOSITORY / image.dockerfile).read_text().splitlines()
    stages = {line.split()[3] for line in lines if line.startswith("FROM ") and " AS " in line}
    bases = {line.split()[1] for line in lines if line.startswith("FROM ")} - stages
    assert bases == {"debian:bookworm-slim"}
    users = [line.removeprefix("USER ") for line in lines if line.startswith("USER ")]
    # A pod that must not run as root is only admitted when the user is a number.
    user, group = users[-1].split(":")
    assert int(user) > 0
    assert group.isdigit()
