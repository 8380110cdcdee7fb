"""Benchmark of the deployed services: open-loop load through their public API, and against a hand-written peer."""
