"""Who looks into what became of an order finds all of it in one trace."""

from __future__ import annotations

import secrets

from storefront_dev.shop.products import until_known

from tests.services.service_process import eventually
from tests.services.shop.running_shop import Visit
from tests.services.trace_collector import Span, TraceCollector

HOPS = {
    ("order", "POST /api/orders"),
    ("order", "publish order.placed"),
    ("product", "process order.placed"),
    ("order", "process stock.reserved"),
    ("payment", "process payment.requested"),
    ("payment", "POST payment_gateway"),
    ("order", "process payment.captured"),
    ("order", "task buy-label"),
    ("order", "POST shipping"),
    ("product", "process order.paid"),
    ("notification", "process order.shipped"),
    ("notification", "SMTP mail"),
}
"""Where an order comes by on its way: services and spans."""


async def test_a_purchase_is_one_trace_through_all_services(visit: Visit, traces: TraceCollector) -> None:
    customer = visit.customer()
    mug = await visit.catalogue.create(visit.sku("mug"), 1500, 5)
    await until_known(customer, [mug])
    await customer.put_in_cart(mug.id, 1)
    request = await customer.checkout_request()
    trace_id, gateways_span = secrets.token_hex(16), secrets.token_hex(8)
    visit.http.headers["traceparent"] = f"00-{trace_id}-{gateways_span}-01"
    order = await customer.submit(request, "key")
    del visit.http.headers["traceparent"]
    await customer.until(order["id"], ["shipped"])

    def missing() -> set[tuple[str, str]]:
        return HOPS - {(span.service, span.name) for span in traces.trace(trace_id)}

    def without_parent() -> list[Span]:
        spans = traces.trace(trace_id)
        known = {span.span_id for span in spans} | {gateways_span}
        return [span for span in spans if span.parent_id not in known]

    async def complete() -> bool:
        return not missing() and not without_parent()

    await eventually(complete, within=60, describe=lambda: f"missing {missing()}, loose {without_parent()}")
