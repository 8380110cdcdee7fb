"""Carts: of somebody who is not signed in, and of customers."""
