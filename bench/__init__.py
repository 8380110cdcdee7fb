"""Benchmarks: the operator against other ways to do the same, measured in the same run on the same machine."""
