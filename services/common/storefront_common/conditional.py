"""Conditional requests (RFC 9110, section 13): entity tags and their comparison."""

from http import HTTPStatus

from storefront_common.problems import InvalidInputError, Problem


def etag(version: object) -> str:
    """`version` as a strong entity tag."""
    return f'"{version}"'


def is_current(if_none_match: str | None, tag: str) -> bool:
    """Whether the client already has what `tag` names (weak comparison, as section 13.1.2 asks)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag in (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))


def expected_version(if_match: str | None) -> int | None:
    """The version that the client changes, from `If-Match: "<version>"`; None when any will do.

    Raises:
        InvalidInputError: the header is not of that form.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    digits = if_match.strip().removeprefix('"').removesuffix('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise InvalidInputError("If-Match", if_match, 'expected one entity tag like "3", or *')
    return int(digits)


def changed_meanwhile(expected: int) -> Problem:
    """The answer to a change of a version that is no longer current (412)."""
    return Problem(
        HTTPStatus.PRECONDITION_FAILED,
        f"It was changed meanwhile and is no longer at version {expected}. Read it again and repeat the change.",
    )
