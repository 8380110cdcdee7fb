"""Payments: one per order, from the request to its end."""
