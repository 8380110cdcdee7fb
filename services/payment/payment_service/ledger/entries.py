"""What the ledger tells, and what the entries of one payment add up to."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Entry(StrEnum):
    """What happened to the money of a payment."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    VOIDED = "voided"
    """What was put aside is free again."""
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    """A refund came back: the money is ours again."""
    DISPUTED = "disputed"
    """The payer's bank took it back."""
    DISPUTE_WON = "dispute_won"
    """The payer's bank gave it back to us."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Amounts in minor units."""

    was_authorised: bool = False
    captured: int = 0
    refunded: int = 0
    """Without refunds that failed."""
    disputed: int = 0
    """Without disputes that were won."""

    @property
    def kept(self) -> int:
        """What the shop has of it."""
        return self.captured - self.refunded - self.disputed


def balance(sums: Mapping[str, int]) -> Balance:
    """The balance of one payment, whose entries of each kind add up to `sums`."""
    return Balance(
        was_authorised=sums.get(Entry.AUTHORISED, 0) > 0,
        captured=sums.get(Entry.CAPTURED, 0),
        refunded=sums.get(Entry.REFUNDED, 0) - sums.get(Entry.REFUND_FAILED, 0),
        disputed=sums.get(Entry.DISPUTED, 0) - sums.get(Entry.DISPUTE_WON, 0),
    )
