"""What a load of orders wrote down, as a file between two commands."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from storefront_dev.errors import ClusterError
from storefront_dev.shop.load import Outcome
from storefront_dev.shop.products import Product


class JournalError(ClusterError):
    """The file is missing or is none of ours."""


@dataclass(frozen=True)
class Journal:
    """Of one load."""

    accepted: tuple[str, ...]
    """Ids of the orders that the shop accepted."""
    stock_before: dict[str, int]
    """How many there were of each SKU that was bought."""
    since: str | None
    """When the newest order from before was placed, by the shop's own clock; None: there was none."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], products: Sequence[Product], since: str | None) -> "Journal":
        """The journal of a load: every id that any answer told is an accepted order."""
        accepted = sorted({order for outcome in outcomes for order in outcome.orders})
        return cls(tuple(accepted), {product.sku: product.stock for product in products}, since)

    def covers(self, placed_at: str) -> bool:
        """Whether an order that was placed then is none from before."""
        return self.since is None or datetime.fromisoformat(placed_at) > datetime.fromisoformat(self.since)

    def write(self, path: Path) -> None:
        """Keep it in a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Journal":
        """The journal in a file.

        Raises:
            JournalError: there is none.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return cls(tuple(document["accepted"]), dict(document["stock_before"]), document["since"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise JournalError(f"{path} is no journal of `storefront-dev shop orders`: {error}") from error
