"""Comparing what the shop and the external systems know of the same orders."""
