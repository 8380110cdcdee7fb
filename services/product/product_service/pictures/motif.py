"""What a motif is."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from product_service.pictures.drawing import Drawing


class Motif(NamedTuple):
    """A thing that can be drawn."""

    draw: Callable[[Drawing], None]
    stands: bool = True
    """Whether it stands on the floor; else it is seen from above or hangs, and there is no floor."""


Motifs = Mapping[tuple[str, ...], Motif]
"""The words (singular, lower case) that name a motif → the motif; the more special ones come first."""
