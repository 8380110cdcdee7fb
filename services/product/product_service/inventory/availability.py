"""Which changes of availability the rest of the shop is told about.

Every order changes how many there are, and nobody needs to hear each time that there are 4,711 left. Small numbers are
shown to customers and decide whether a cart can be ordered: they are told exactly. Larger ones are told when they enter
another band, each twice as wide as the one before: what the others believe is never more than twice what there is, or
less than half.
"""

EXACT = 10
"""Up to here every change is told."""


def band(available: int) -> int:
    """The band of an amount; amounts of one band are as good as equal to everybody else."""
    return available if available <= EXACT else EXACT + (available // EXACT).bit_length()


def is_news(before: int, after: int) -> bool:
    """Whether the others are told that `before` has become `after`."""
    return band(before) != band(after)
