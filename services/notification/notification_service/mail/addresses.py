"""Addresses that can be written into a header or an SMTP command without meaning anything else there."""

import re
import unicodedata
from email.headerregistry import Address

LONGEST = 254
"""RFC 5321, section 4.5.3.1, as corrected by erratum 1690."""

# A quoted local part may hold nearly anything, and nobody has one.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_DOMAIN = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*", re.ASCII
)


class NotAnAddressError(ValueError):
    """The text is no address that mail can be sent to; the message does not repeat it."""


def parse(address: str, name: str = "") -> Address:
    """`address` with the display name `name`; a domain in another script is written as DNS knows it (RFC 5890).

    Raises:
        NotAnAddressError: it is not of the form local@domain, or its local part is not ASCII.
    """
    local, at, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise NotAnAddressError("the domain is not one") from None
    if not at or not _DOMAIN.fullmatch(domain):
        raise NotAnAddressError("the domain is not one")
    if not _LOCAL.fullmatch(local) or len(local) > 64 or len(local) + 1 + len(domain) > LONGEST:
        raise NotAnAddressError("what stands before the @ is not a mailbox's name")
    return Address(display_name=header_text(name), username=local, domain=domain)


def one_line(text: str) -> str:
    """`text` as a single line that is read as it is written.

    Control characters could begin another header, and those that change the direction of writing could show
    another name than there is.
    """
    shown = (
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in text
        if unicodedata.category(character) not in ("Cf", "Cs")
    )
    return " ".join("".join(shown).split())


def header_text(text: str) -> str:
    """`text` for a header: one line in which nothing is an encoded word (RFC 2047).

    Python's email package decodes encoded words in what it is given, and an encoded line break begins a new header.
    """
    return one_line(text).replace("=?", "= ?")
