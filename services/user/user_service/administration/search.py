"""Finding users by the beginnings of words of their name or email address."""

import re

from sqlalchemy import ColumnElement, func, literal_column

from user_service.profiles.tables import User

MAX_WORDS = 10

# Letters and digits only, as in the indexed text: nothing of it has a meaning in tsquery's syntax.
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a query, in lower case, at most MAX_WORDS."""
    return _WORD.findall(text.lower())[:MAX_WORDS]


def matches(wanted: list[str]) -> ColumnElement[bool]:
    """The condition that a user's name or email address has a word that begins with each of `wanted`."""
    query = " & ".join(f"{word}:*" for word in wanted)
    return User.search.op("@@", is_comparison=True)(
        func.to_tsquery(literal_column("'simple'::regconfig"), query)
    )
