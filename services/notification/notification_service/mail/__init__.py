"""Mails as bytes (RFC 5322): addresses, headers, the Message-ID."""
