"""Products and categories: what the shop lists and shows."""
