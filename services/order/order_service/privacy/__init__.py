"""A person's right to take their data along and to be forgotten."""
