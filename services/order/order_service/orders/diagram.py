"""The page docs/services/order-states.md, made of the rules: `python -m order_service.orders.diagram`."""

from order_service.orders.lifecycle import RULES, Rule, State

_INTRODUCTION = """\
# States of an order

Generated from [`lifecycle.py`](../../services/order/order_service/orders/lifecycle.py) by `make generate`; a test fails
when it is stale. What happens is written before the slash, a condition in brackets, what follows from it behind the
slash. Words with a dot are events on the broker. Rules that change no state are in the table only.
"""

_TABLE = """\
## All rules

Of several rules that fit, the first one counts. What fits none of them is only remembered (an amount that was
captured or refunded, say), or, when it tells nothing new, ignored: events may come twice and in any order.

| when | in | if | then | and |
|---|---|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    lines = ["```mermaid", "stateDiagram-v2", "  [*] --> placed : checkout / order.placed"]
    for source, target, label in _arrows():
        lines.append(f"  {source} --> {target} : {label}")
    lines += ["  delivered --> [*]", "  cancelled --> [*]", "```"]
    rows = "".join(_row(rule) for rule in RULES)
    return _INTRODUCTION + "\n" + "\n".join(lines) + "\n\n" + _TABLE + rows


def _arrows() -> list[tuple[State, State, str]]:
    return [
        (source, rule.target, _label(rule))
        for source in State
        for rule in RULES
        if source in rule.sources and rule.target not in (None, source)
    ]


def _label(rule: Rule) -> str:
    condition = f" [{_condition(rule)}]" if rule.guard else ""
    effects = f" / {_effects(rule)}" if rule.effects else ""
    return f"{rule.trigger}{condition}{effects}"


def _row(rule: Rule) -> str:
    sources = "any" if rule.sources == frozenset(State) else ", ".join(s for s in State if s in rule.sources)
    return (
        f"| {rule.trigger} | {sources} | {_condition(rule)} | {rule.target or 'stays'} | {_effects(rule)} |\n"
    )


def _condition(rule: Rule) -> str:
    return rule.guard.__name__.replace("_", " ") if rule.guard else ""


def _effects(rule: Rule) -> str:
    return ", ".join(rule.effects)


if __name__ == "__main__":
    print(page(), end="")
