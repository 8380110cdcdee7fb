"""The addresses that people keep."""
