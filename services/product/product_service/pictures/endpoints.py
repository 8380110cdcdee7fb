"""Pictures over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from storefront_common.conditional import etag, is_current

from product_service.dependencies import DatabaseDependency
from product_service.pictures import service
from product_service.pictures.addresses import picture_version

router = APIRouter(prefix="/api")

_FOREVER = "public, max-age=31536000, immutable"
_A_WHILE = "public, max-age=300"


@router.get("/products/{product_id}/picture", response_class=Response)
async def get_picture(
    product_id: UUID,
    database: DatabaseDependency,
    v: str | None = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Show a product's picture (SVG)."""
    subject = await database.read(lambda session: service.subject(session, product_id))
    version = picture_version(subject.sku, subject.name, subject.category)
    headers = {
        "ETag": etag(version),
        "Cache-Control": _FOREVER if v == version else _A_WHILE,
        # Opened by itself, an SVG is a document: it may do nothing but be seen.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if is_current(if_none_match, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(service.draw(subject), media_type="image/svg+xml", headers=headers)
