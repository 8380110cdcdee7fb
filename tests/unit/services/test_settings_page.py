"""The page about settings tells what the classes say."""

from __future__ import annotations

from services.contracts import settings_page


def test_the_committed_page_is_current() -> None:
    assert settings_page.FILE.read_text(encoding="utf-8") == settings_page.page(), "run `make generate`"


def test_every_setting_has_a_meaning_or_a_name_that_says_it_all() -> None:
    plain = ("HOST`", "PORT`", "NAME`", "USER`", "LOG_LEVEL`", "VIRTUAL_HOST`", "URL`")
    for line in settings_page.page().splitlines():
        if line.startswith("| `"):
            variable, _, meaning = (cell.strip() for cell in line.strip("|").split("|", 2))
            assert meaning.strip("()0123456789 to.") or variable.endswith(plain), line
