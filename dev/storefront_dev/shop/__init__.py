"""A customer of the shop, many of them at once, and the books afterwards."""
