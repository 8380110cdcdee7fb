"""What can be drawn: per category, the words that a motif stands for and the function that draws it."""

from collections.abc import Mapping

from product_service.pictures.motif import Motifs
from product_service.pictures.motifs import (
    audio,
    bags,
    clothing,
    coffee_tea,
    desk,
    kitchen,
    lighting,
    living,
    plants,
)
from product_service.pictures.motifs.parcel import PARCEL

__all__ = ["BY_CATEGORY", "PARCEL"]

BY_CATEGORY: Mapping[str, Motifs] = {
    "audio": audio.MOTIFS,
    "bags": bags.MOTIFS,
    "clothing": clothing.MOTIFS,
    "coffee-tea": coffee_tea.MOTIFS,
    "desk": desk.MOTIFS,
    "kitchen": kitchen.MOTIFS,
    "lighting": lighting.MOTIFS,
    "living": living.MOTIFS,
    "plants": plants.MOTIFS,
}
