"""Forgetting a person, in all services."""
