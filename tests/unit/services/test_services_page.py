"""The page about what all services have names every metric that they share."""

from __future__ import annotations

import re

from storefront_dev.folders import REPOSITORY

_METRIC = re.compile(r'\b(?:Counter|Gauge|Histogram)\(\s*"(\w+)"')


def test_every_shared_metric_is_on_the_page_and_no_other() -> None:
    common = REPOSITORY / "services/common/storefront_common"
    defined = {
        name for file in common.rglob("*.py") for name in _METRIC.findall(file.read_text(encoding="utf-8"))
    }
    page = (REPOSITORY / "docs/services/README.md").read_text(encoding="utf-8")
    section = page.partition("## Metrics")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == defined
