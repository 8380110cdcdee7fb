"""What goes wrong while images are built, in words that say what to do next."""


class ImageError(Exception):
    """An image could not be built, exported or pushed."""
