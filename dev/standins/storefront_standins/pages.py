"""The pages that people see, rendered from `templates/`."""

from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S")


_environment = Environment(
    loader=PackageLoader("storefront_standins"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_environment.filters["clock"] = _clock


def rendered(template: str, **context: object) -> str:
    """The text of a template."""
    return _environment.get_template(template).render(context)


def page(template: str, status: int = 200, /, **context: object) -> HTMLResponse:
    """The page of a template; nothing on it may come from another host, be framed elsewhere or run a script."""
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    body = _environment.get_template(template).render(context)
    return HTMLResponse(
        body, status, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    )
