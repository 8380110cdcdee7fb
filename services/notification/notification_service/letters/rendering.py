"""Letters as text and as HTML."""

import textwrap
from typing import NamedTuple

import jinja2
from storefront_common.events import OrderSummary

from notification_service.letters import formatting
from notification_service.letters.wording import STEPS, letter
from notification_service.mail.addresses import one_line

_TEXT_WIDTH = 72

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("notification_service.letters"),
    autoescape=jinja2.select_autoescape(["html"], default_for_string=True),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class Rendered(NamedTuple):
    """A letter, ready to be sent."""

    subject: str
    text: str
    html: str


def render(order: OrderSummary, shop_name: str, shop_url: str) -> Rendered:
    """The letter about `order`, which is the data of an event.

    Args:
        shop_name: in whose name it is written.
        shop_url: where links lead, with or without a slash at its end.
    """
    words = letter(order)
    context = {
        "letter": words,
        "order": order,
        "shop_name": shop_name,
        "shop_url": shop_url.rstrip("/"),
        "steps": STEPS,
    }
    return Rendered(
        subject=words.subject,
        text=_ENVIRONMENT.get_template("letter.txt").render(context),
        html=_ENVIRONMENT.get_template("letter.html").render(context),
    )


def _wrapped(text: str, indent: str = "") -> str:
    """`text` in lines that mail programs do not break again."""
    return textwrap.fill(
        one_line(text),
        _TEXT_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _columns(left: str, right: str) -> str:
    """`left` and `right` on one line, or the right one alone on the next when they do not fit."""
    left = one_line(left)
    if len(left) + len(right) + 2 <= _TEXT_WIDTH:
        return left + right.rjust(_TEXT_WIDTH - len(left))
    return f"{_wrapped(left)}\n{right.rjust(_TEXT_WIDTH)}"


_ENVIRONMENT.filters |= {
    "money": formatting.money,
    "address_lines": formatting.address_lines,
    "one_line": one_line,
    "wrapped": _wrapped,
    "columns": _columns,
}
_ENVIRONMENT.globals["times"] = formatting.times
