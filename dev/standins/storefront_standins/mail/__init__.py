"""The email service: an SMTP server that keeps what it is given."""
