"""A sample catalogue for trying the shop out."""

from product_service.sample.catalogue import add

__all__ = ["add"]
