"""Whether our books and the gateway's tell the same."""
