"""Handing people a copy of their data from all services."""
