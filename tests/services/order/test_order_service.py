"""The order service as a process, with every store it uses, and without each of them for a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import httpx2
import pytest
import pytest_asyncio
from storefront_common.events import Money, ProductChanged

from tests.services.conftest import environment
from tests.services.identities import gateway_environment
from tests.services.order.order_process import OrderProcess, migrate, run
from tests.services.order.services_around import ServicesAround
from tests.services.order.shop import Person, payment_captured, stock_reserved
from tests.services.postgres_server import PASSWORD, PostgresServer
from tests.services.rabbitmq_server import RabbitMQServer
from tests.services.redis_server import RedisServer
from tests.services.service_process import eventually
from tests.services.standin_process import StandInProcess

pytestmark = pytest.mark.services

MEMORY_LIMIT_KIB = 100 * 1024
NOT_IN_THE_IMAGE = ("h2", "psutil", "rich", "trio")
"""What tests need, and what other libraries load and use when it is there."""


@pytest.fixture(scope="module")
def carrier() -> Iterator[StandInProcess]:
    """The stand-in for the shipping API."""
    standin = StandInProcess("shipping")
    yield standin
    standin.stop()


@pytest.fixture(scope="module")
def settings(
    fragile_server: PostgresServer,
    redis: RedisServer,
    rabbitmq: RabbitMQServer,
    virtual_host: str,
    carrier: StandInProcess,
    secrets: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """All that the service is told."""
    absent = tmp_path_factory.mktemp("absent")
    for module in NOT_IN_THE_IMAGE:
        (absent / f"{module}.py").write_text("raise ImportError\n", encoding="ascii")
    fragile_server.create_database("orders", "order_owner")
    database = environment(fragile_server, "orders", secrets, "order_owner")
    migrate(database)
    return {
        **database,
        **redis.environment("order", secrets / "password"),
        **rabbitmq.environment(virtual_host, "order", secrets),
        **gateway_environment(secrets),
        "SHIPPING_URL": carrier.url,
        "SHIPPING_KEY_FILE": str(secrets / "password"),
        "SHIPPING_READ_TIMEOUT": "0.5",
        "ORDER_SWEEP_EVERY": "1",
        "PYTHONPATH": str(absent),
    }


@pytest.fixture(scope="module")
def service(settings: dict[str, str]) -> Iterator[OrderProcess]:
    """The service, for all tests of the module: what one of them takes away comes back."""
    process = OrderProcess(settings)
    yield process
    assert process.stop() == 0
    assert not process.other_output


@pytest_asyncio.fixture
async def client(service: OrderProcess) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the ready service."""
    async with httpx2.AsyncClient(base_url=service.api, timeout=20, trust_env=False) as http:

        async def is_ready() -> bool:
            return (await http.get(service.ops + "/readyz")).status_code == 200

        await eventually(is_ready)
        yield http


@pytest_asyncio.fixture
async def around(
    service: OrderProcess, rabbitmq: RabbitMQServer, virtual_host: str
) -> AsyncIterator[ServicesAround]:
    """The other services."""
    async with ServicesAround(rabbitmq, virtual_host) as around:
        yield around


async def lamp(client: httpx2.AsyncClient, around: ServicesAround) -> str:
    """The id of a product that the service has heard of."""
    product_id = str(uuid4())
    data = ProductChanged(
        product_id=product_id,
        sku=f"S-{product_id[:8]}",
        name="Lamp",
        price=Money(amount=1999),
        available=10,
        active=True,
        picture_url="/picture.svg",
        weight_grams=700,
    )
    await around.tell(data, product_id, 1)
    somebody = Person(client, f"user-{uuid4()}")

    async def known() -> bool:
        response = await somebody.ask("PUT", f"/api/cart/lines/{product_id}", {"quantity": 1})
        return response.status_code == 200

    await eventually(known)
    return product_id


async def state(person: Person, order: dict[str, Any]) -> str:
    """Where the order stands."""
    return str((await person.get(f"/api/orders/{order['id']}"))["state"])


async def reaches(person: Person, order: dict[str, Any], wanted: str) -> None:
    """The order comes to stand there."""

    async def there() -> bool:
        return await state(person, order) == wanted

    await eventually(there, describe=lambda: f"{order['number']} is not {wanted}")


async def pay(around: ServicesAround, order: dict[str, Any], *, times: int = 1) -> None:
    """Product and payment do what they are asked for; what they tell may come several times."""
    await around.until_heard(order, "order.placed")
    await around.tell(stock_reserved(order), order["id"], 1, times=times)
    await around.until_heard(order, "payment.requested")
    await around.tell(payment_captured(order), order["id"], 3, times=times)


async def test_an_order_from_the_cart_to_the_parcel(
    client: httpx2.AsyncClient, around: ServicesAround, carrier: StandInProcess
) -> None:
    ada = Person(client, f"ada-{uuid4()}")
    order = await ada.order(await lamp(client, around), 2)  # type: ignore[arg-type]
    await pay(around, order, times=2)
    shipped = await around.until_heard(order, "order.shipped")
    shown = await ada.get(f"/api/orders/{order['id']}")
    assert (shown["state"], shown["tracking"]["trackingNumber"]) == ("shipped", shipped.tracking_number)
    assert around.kinds(order) == [
        "order.placed", "payment.requested", "order.paid", "order.shipped",
    ]  # fmt: skip
    (label,) = await labels(carrier, order)
    assert label["trackingNumber"] == shipped.tracking_number


async def test_a_label_is_bought_once_though_the_answer_never_comes(
    client: httpx2.AsyncClient, around: ServicesAround, carrier: StandInProcess
) -> None:
    ada = Person(client, f"ada-{uuid4()}")
    order = await ada.order(await lamp(client, around))  # type: ignore[arg-type]
    carrier.faults(timeoutAfterEffectRate=1)
    try:
        await pay(around, order)

        async def bought() -> bool:
            return bool(await labels(carrier, order))

        await eventually(bought)
        assert await state(ada, order) == "paid", "nobody knows yet"
    finally:
        carrier.faults()
    await reaches(ada, order, "shipped")
    assert len(await labels(carrier, order)) == 1


async def test_while_the_carrier_is_away_the_flat_rate_applies_and_labels_wait(
    client: httpx2.AsyncClient, around: ServicesAround, carrier: StandInProcess
) -> None:
    product = await lamp(client, around)
    ada = Person(client, f"ada-{uuid4()}")
    carrier.faults(failRate=1)
    try:
        order = await ada.order(product)  # type: ignore[arg-type]
        assert order["shipping"]["amount"] == 590
        await pay(around, order)
        await reaches(ada, order, "paid")
    finally:
        carrier.faults()
    await reaches(ada, order, "shipped")


async def test_without_the_broker_orders_are_placed_and_told_later(
    client: httpx2.AsyncClient, around: ServicesAround, rabbitmq: RabbitMQServer, virtual_host: str
) -> None:
    product = await lamp(client, around)
    ada = Person(client, f"ada-{uuid4()}")
    orders = []
    try:
        for harm in (rabbitmq.freeze, rabbitmq.stop):
            await asyncio.to_thread(harm)
            orders.append(await ada.order(product))  # type: ignore[arg-type]
            await asyncio.to_thread(rabbitmq.restore)
    finally:
        await asyncio.to_thread(rabbitmq.restore)
    async with ServicesAround(rabbitmq, virtual_host) as again:
        for order in orders:

            async def told(order: dict[str, Any] = order) -> bool:
                return "order.placed" in again.kinds(order) + around.kinds(order)

            await eventually(told, within=40)


async def test_without_redis_everything_goes_on(
    client: httpx2.AsyncClient, around: ServicesAround, redis: RedisServer
) -> None:
    product = await lamp(client, around)
    ada = Person(client, f"ada-{uuid4()}")
    try:
        for harm in (redis.freeze, redis.stop):
            harm()
            started = asyncio.get_running_loop().time()
            await ada.order(product)  # type: ignore[arg-type]
            assert asyncio.get_running_loop().time() - started < 5
            redis.restore()
    finally:
        redis.restore()


@pytest.mark.parametrize("harm", ["stop", "freeze"])
async def test_without_the_database_the_answer_is_a_problem_and_nothing_is_lost(
    client: httpx2.AsyncClient,
    around: ServicesAround,
    service: OrderProcess,
    fragile_postgres: PostgresServer,
    harm: str,
) -> None:
    product = await lamp(client, around)
    ada = Person(client, f"ada-{uuid4()}")
    await ada.put(f"/api/cart/lines/{product}", {"quantity": 1})
    request = await ada.checkout_request()
    getattr(fragile_postgres, harm)()
    response = await ada.ask("POST", "/api/orders", request, idempotency_key="k")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert (await client.get(service.ops + "/livez")).status_code == 200

    async def unready() -> bool:
        return (await client.get(service.ops + "/readyz")).status_code == 503

    if harm == "stop":
        await eventually(unready)
    fragile_postgres.restore()

    async def placed() -> Any:
        again = await ada.ask("POST", "/api/orders", request, idempotency_key="k")
        return again.json() if again.status_code == 201 else None

    order = await eventually(placed)
    # What is told meanwhile waits for the database, too.
    await around.until_heard(order, "order.placed")
    getattr(fragile_postgres, harm)()
    await around.tell(stock_reserved(order), order["id"], 1)
    await asyncio.to_thread(fragile_postgres.restore)
    await around.until_heard(order, "payment.requested")
    await reaches(ada, order, "reserved")


async def test_messages_that_nobody_can_handle_are_kept_for_people(
    client: httpx2.AsyncClient,
    around: ServicesAround,
    settings: dict[str, str],
    rabbitmq: RabbitMQServer,
    virtual_host: str,
) -> None:
    product = await lamp(client, around)
    ada = Person(client, f"ada-{uuid4()}")
    order = await ada.order(product)  # type: ignore[arg-type]
    await around.until_heard(order, "order.placed")
    await around.publish("stock.reserved", b"no json", message_id="garbage")
    unknown = {**order, "id": str(uuid4())}
    await around.tell(payment_captured(unknown), unknown["id"], 1)
    # They hold nobody up.
    await pay(around, order)
    await around.until_heard(order, "order.paid")

    async def dead() -> list[dict[str, Any]]:
        listed = await asyncio.to_thread(run, settings, "dead-letters", "list")
        assert listed.returncode == 0, listed.stderr
        letters = [json.loads(line) for line in listed.stdout.splitlines() if line.startswith("{")]
        return letters if len(letters) >= 2 else []

    letters = await eventually(dead, within=40)
    assert len(letters) == 2
    assert any(unknown["id"] in json.dumps(letter) for letter in letters)
    # A subscriber to what was dead-lettered only: the queue of the living is empty.
    assert await _depth(rabbitmq, virtual_host, "order") == 0


async def test_an_order_can_be_told_again_by_hand(
    client: httpx2.AsyncClient, around: ServicesAround, settings: dict[str, str]
) -> None:
    ada = Person(client, f"ada-{uuid4()}")
    order = await ada.order(await lamp(client, around))  # type: ignore[arg-type]
    await around.until_heard(order, "order.placed")
    for which in (order["number"], order["id"]):
        done = await asyncio.to_thread(run, settings, "republish", "--order", which)
        assert done.returncode == 0, done.stderr
        assert order["number"] in done.stdout
    await around.until_heard(order, "order.placed", number=3)
    missing = await asyncio.to_thread(run, settings, "republish", "--order", str(uuid4()))
    assert (missing.returncode, "there is no order" in missing.stderr) == (1, True)


async def test_the_sweeper_runs_by_itself(
    client: httpx2.AsyncClient, around: ServicesAround, fragile_postgres: PostgresServer
) -> None:
    ada = Person(client, f"ada-{uuid4()}")
    order = await ada.order(await lamp(client, around))  # type: ignore[arg-type]
    with fragile_postgres.admin("orders") as connection:
        connection.execute(
            "UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = %s", [order["id"]]
        )
    await around.until_heard(order, "order.cancelled")
    assert await state(ada, order) == "cancelled"


async def test_many_customers_at_once_and_memory_stays_small(
    client: httpx2.AsyncClient, around: ServicesAround, service: OrderProcess
) -> None:
    product = await lamp(client, around)

    async def buy(number: int) -> dict[str, Any]:
        return await Person(client, f"crowd-{number}-{uuid4()}").order(product)  # type: ignore[arg-type]

    orders: list[dict[str, Any]] = []
    for _ in range(8):
        orders += await asyncio.gather(*(buy(number) for number in range(5)))
    assert len({order["number"] for order in orders}) == 40
    for order in orders:
        await pay(around, order)
    for order in orders:
        await around.until_heard(order, "order.shipped")
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
    # Without the pages of files, which the kernel can drop and all pods of a node share.
    own = int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])
    assert own < MEMORY_LIMIT_KIB, f"{own / 1024:.0f} MiB"
    print(f"memory after 40 orders: {own / 1024:.0f} MiB")


async def labels(carrier: StandInProcess, order: dict[str, Any]) -> list[dict[str, Any]]:
    """The labels that the carrier has sold for the order."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        response = await http.get(
            f"{carrier.url}/v1/labels",
            params={"reference": order["number"]},
            headers={"Authorization": "Bearer test"},
        )
    found: list[dict[str, Any]] = response.raise_for_status().json()["items"]
    return found


async def _depth(rabbitmq: RabbitMQServer, virtual_host: str, queue: str) -> int:
    connection = await aio_pika.connect(
        host=rabbitmq.host, port=rabbitmq.port, virtualhost=virtual_host, login="admin", password=PASSWORD
    )
    async with connection, connection.channel() as channel:
        declared = await channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0
