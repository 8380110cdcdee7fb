"""The order service: carts, checkout, orders and their shipping."""
