"""A cart at the prices of the products' copy: from data to data."""

from collections.abc import Mapping
from uuid import UUID

from storefront_common.schemas import Money

from order_service.carts.schemas import CartContent, CartView, LineContent, LineView
from order_service.money import Sum
from order_service.products.product import Product


def priced(cart: CartContent, products: Mapping[UUID, Product]) -> CartView:
    """`cart` as it is shown. A line whose product is not known (any more) cannot be ordered."""
    lines = [_line(line, products.get(line.product_id)) for line in cart.lines]
    return CartView(
        id=cart.id,
        version=cart.version,
        lines=lines,
        item_count=sum(line.quantity for line in lines),
        subtotal=Sum(amount=sum(line.line_total.amount for line in lines)),
        orderable=bool(lines) and all(line.available for line in lines),
    )


def empty_view() -> CartView:
    """The cart of a customer who never had one."""
    return CartView(id=None, version=0, lines=[], item_count=0, subtotal=Sum(amount=0), orderable=False)


def is_available(product: Product | None, quantity: int) -> bool:
    """Whether so many can be ordered, as far as is known."""
    return product is not None and product.active and product.available >= quantity


def _line(line: LineContent, product: Product | None) -> LineView:
    price = product.price if product else line.seen_price
    return LineView(
        product_id=line.product_id,
        sku=product.sku if product else "",
        name=product.name if product else "",
        picture_url=product.picture_url if product else "",
        quantity=line.quantity,
        unit_price=Money(amount=price),
        added_price=Money(amount=line.seen_price),
        price_changed=price != line.seen_price,
        line_total=Sum(amount=price * line.quantity),
        available=is_available(product, line.quantity),
        available_quantity=product.available if product and product.active else 0,
    )
