"""Disputes: a payer's bank takes captured money back, at least for now."""
