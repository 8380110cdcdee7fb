"""The identity provider: OpenID Connect without passwords."""
