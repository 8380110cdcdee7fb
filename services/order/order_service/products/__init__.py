"""The copy of the products that carts and orders are priced from."""
