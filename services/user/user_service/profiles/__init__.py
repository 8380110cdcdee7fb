"""Profiles: made of the claims at the first signed-in request, and changed by their owners."""
