"""Many customers at once, some of whom do what customers do."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from storefront_dev.shop.customer import DECLINED, ENDED, THREE_D_SECURE, VISA, Customer
from storefront_dev.shop.http import AnswerError, Json
from storefront_dev.shop.products import Product


@dataclass(frozen=True)
class Mix:
    """What share of the orders, from 0 to 1, …"""

    scarce: float = 0.25
    """… is for the scarce product."""
    submitted_twice: float = 0.2
    """… is submitted two or three times at once, with the same key."""
    three_d_secure: float = 0.1
    """… is paid with a card whose bank asks the customer; one in five refuses."""
    declined: float = 0.05
    """… is paid with a card that is declined."""
    cancelled: float = 0.1
    """… is cancelled by the customer at a random moment."""


@dataclass(frozen=True)
class Purchase:
    """What one customer is going to do."""

    number: int
    wanted: dict[str, int]
    """How many of each product id."""
    card: str = VISA
    submits: int = 1
    authenticates: bool = True
    cancels_after: float | None = None
    """Seconds after the order was accepted; None: not at all."""


@dataclass
class Outcome:
    """How it went."""

    purchase: Purchase
    order_id: str | None = None
    """Of the order that the shop accepted; None: it refused."""
    state: str | None = None
    """The order's last known state."""
    reason: str | None = None
    """Why it was refused or cancelled."""
    failure: str | None = None
    """What the shop did that no shop should: an error of its own, or no answer for long."""
    orders: set[str] = field(default_factory=set)
    """Ids in all answers to the submission: more than one would be a mistake of the shop."""
    seconds: float = 0.0
    """From the submission to the last known state."""


def plan(
    count: int, products: Sequence[Product], scarce: Product, mix: Mix, rng: random.Random
) -> list[Purchase]:
    """What `count` customers do: a function of its arguments and of the generator's seed."""
    exactly = round(count * mix.scarce)
    of_scarce = set(rng.sample(range(count), exactly))
    purchases = []
    for number in range(count):
        chosen = rng.sample(products, rng.randint(1, min(2, len(products))))
        wanted = {product.id: rng.randint(1, 3) for product in chosen}
        if number in of_scarce:
            wanted = {scarce.id: 1} | (wanted if rng.random() < 0.5 else {})
        dice = rng.random()
        card = VISA
        if dice < mix.three_d_secure:
            card = THREE_D_SECURE
        elif dice < mix.three_d_secure + mix.declined:
            card = DECLINED
        purchases.append(
            Purchase(
                number,
                wanted,
                card,
                submits=rng.randint(2, 3) if rng.random() < mix.submitted_twice else 1,
                authenticates=rng.random() < 0.8,
                cancels_after=rng.uniform(0, 3) if rng.random() < mix.cancelled else None,
            )
        )
    return purchases


async def run(
    purchases: Sequence[Purchase],
    customer_for: Callable[[int], Customer],
    *,
    concurrency: int,
    patience: float,
    progress: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Let customers buy, at most `concurrency` at once; each waits up to `patience` seconds for the order's end.

    An order that has not ended by then has the state in which it was seen last.
    """
    places = asyncio.Semaphore(concurrency)

    async def one(purchase: Purchase) -> Outcome:
        async with places:
            outcome = await _buy(customer_for(purchase.number), purchase, patience)
        progress(outcome)
        return outcome

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(purchase)) for purchase in purchases]
    return [task.result() for task in running]


def summary(outcomes: Sequence[Outcome]) -> str:
    """What became of the purchases, in lines for people."""
    ends = Counter("failed" if outcome.failure else outcome.state or "refused" for outcome in outcomes)
    reasons = Counter(outcome.reason for outcome in outcomes if outcome.reason)
    times = sorted(outcome.seconds for outcome in outcomes if outcome.order_id)
    lines = [
        f"{len(outcomes)} customers: " + ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    ]
    if reasons:
        lines.append(
            "because: " + ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        )
    lines += [f"failed: {outcome.failure}" for outcome in outcomes if outcome.failure]
    if times:
        middle, late = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
        lines.append(f"submitted to ended: median {middle:.1f} s, 99 % {late:.1f} s")
    return "\n".join(lines)


async def _buy(customer: Customer, purchase: Purchase, patience: float) -> Outcome:
    outcome = Outcome(purchase)
    began = time.monotonic()
    try:
        for product_id, quantity in purchase.wanted.items():
            await customer.put_in_cart(product_id, quantity)
        request = await customer.checkout_request(purchase.card)
        began = time.monotonic()
        answers = await asyncio.gather(
            *(customer.submit(request, f"checkout-{purchase.number}") for _ in range(purchase.submits)),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            outcome.orders.add(answer["id"])
            outcome.order_id = answer["id"]
        assert outcome.order_id is not None
        order = await _follow(customer, purchase, outcome.order_id, patience)
        outcome.state, outcome.reason = order["state"], order["cancelReason"]
    except AnswerError as error:
        if 400 <= error.status < 500 and outcome.order_id is None:
            outcome.reason = error.detail
        else:
            outcome.failure = str(error)
    outcome.seconds = time.monotonic() - began
    return outcome


async def _follow(customer: Customer, purchase: Purchase, order_id: str, patience: float) -> Json:
    """The order in the end, after everything that the customer does about it."""
    deadline = time.monotonic() + patience
    if purchase.cancels_after is not None:
        await asyncio.sleep(purchase.cancels_after)
        try:
            await customer.cancel(order_id)
        except AnswerError as refusal:
            # Too late: it is shipped already.
            if refusal.status != 409:
                raise
    answered = False
    while True:
        left = max(0.0, deadline - time.monotonic())
        states = ENDED if answered else ENDED | {"action_required"}
        try:
            order = await customer.until(order_id, states, within=left)
        except TimeoutError:
            return await customer.order(order_id)
        if order["state"] in ENDED:
            return order
        await customer.authenticate(order, succeed=purchase.authenticates)
        answered = True
