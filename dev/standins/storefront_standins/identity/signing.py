"""The key that tokens are signed with."""

from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeyParameters, KeySet, RSAKey

_ALGORITHM = "RS256"
_PARAMETERS: KeyParameters = {"use": "sig", "alg": _ALGORITHM}


class InvalidTokenError(Exception):
    """A token that was not issued here, is over, or is for somebody else."""


class SigningKey:
    """An RSA key. Its id is the key's thumbprint (RFC 7638), so the same key always has the same id."""

    def __init__(self, key: RSAKey) -> None:
        key.ensure_kid()
        self._key = key

    @classmethod
    def load(cls, path: Path | None) -> "SigningKey":
        """The key of a PEM file; a new one when there is none."""
        if path is None:
            return cls(RSAKey.generate_key(2048, _PARAMETERS))
        return cls(RSAKey.import_key(path.read_bytes(), _PARAMETERS))

    def jwks(self) -> dict[str, Any]:
        """The public half, as a JSON Web Key Set."""
        return dict(KeySet([self._key]).as_dict(private=False))

    def sign(self, claims: dict[str, Any]) -> str:
        """The claims as a signed JSON Web Token."""
        return jwt.encode({"alg": _ALGORITHM, "kid": self._key.kid}, claims, self._key)

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token that was signed with this key.

        Raises:
            InvalidTokenError: it was not.
        """
        try:
            return jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise InvalidTokenError(str(error)) from error
