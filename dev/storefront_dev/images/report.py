"""The table at the end."""

from collections.abc import Sequence

from storefront_dev.images.builder import Outcome

_HEADER = ("IMAGE", "ON DISK", "COMPRESSED", "BUILD", "STATE")


def table(outcomes: Sequence[Outcome]) -> str:
    """One row an image: unpacked size, estimate of the compressed size, seconds its last build took."""
    rows = [_HEADER, *map(_row, outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(outcome: Outcome) -> tuple[str, ...]:
    state = "FAILED" if outcome.error else "built" if outcome.built else "cached"
    record = outcome.record
    if record is None:
        return (outcome.image.name, "-", "-", "-", state)
    return (
        record.reference,
        f"{record.unpacked_bytes / 1e6:.0f} MB",
        f"~{record.compressed_bytes_estimate / 1e6:.0f} MB",
        f"{record.build_seconds:.0f} s",
        state,
    )
