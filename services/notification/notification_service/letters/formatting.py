"""Amounts and addresses as people write them."""

from storefront_common.events import Address, Money

_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}

# ISO 4217; every other currency in use has two.
_DECIMALS = {
    currency: decimals
    for decimals, currencies in {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
        3: "BHD IQD JOD KWD LYD OMR TND",
    }.items()
    for currency in currencies.split()
}

_CITY_FIRST = frozenset(("AU", "CA", "GB", "IE", "IN", "NZ", "US"))
_COUNTRIES = {
    "AT": "Austria", "AU": "Australia", "BE": "Belgium", "BG": "Bulgaria", "BR": "Brazil", "CA": "Canada",
    "CH": "Switzerland", "CN": "China", "CY": "Cyprus", "CZ": "Czechia", "DE": "Germany", "DK": "Denmark",
    "EE": "Estonia", "ES": "Spain", "FI": "Finland", "FR": "France", "GB": "United Kingdom", "GR": "Greece",
    "HR": "Croatia", "HU": "Hungary", "IE": "Ireland", "IN": "India", "IS": "Iceland", "IT": "Italy", "JP": "Japan",
    "KR": "South Korea", "LI": "Liechtenstein", "LT": "Lithuania", "LU": "Luxembourg", "LV": "Latvia", "MT": "Malta",
    "MX": "Mexico", "NL": "Netherlands", "NO": "Norway", "NZ": "New Zealand", "PL": "Poland", "PT": "Portugal",
    "RO": "Romania", "RS": "Serbia", "SE": "Sweden", "SG": "Singapore", "SI": "Slovenia", "SK": "Slovakia",
    "TR": "Türkiye", "UA": "Ukraine", "US": "United States", "ZA": "South Africa",
}  # fmt: skip


def money(amount: Money) -> str:
    """`amount` with its currency: 123456 EUR is €1,234.56."""
    decimals = _DECIMALS.get(amount.currency, 2)
    whole, part = divmod(amount.amount, 10**decimals)
    number = f"{whole:,}.{part:0{decimals}d}" if decimals else f"{whole:,}"
    symbol = _SYMBOLS.get(amount.currency)
    return f"{amount.currency}\N{NO-BREAK SPACE}{number}" if symbol is None else symbol + number


def times(amount: Money, quantity: int) -> Money:
    """`quantity` of something that costs `amount`."""
    return Money(amount=amount.amount * quantity, currency=amount.currency)


def address_lines(address: Address) -> list[str]:
    """`address` as it stands on a parcel; the post takes a country's code as well as its name."""
    place = [address.postal_code, address.city]
    if address.country in _CITY_FIRST:
        place.reverse()
    lines = [
        address.name,
        address.line1,
        address.line2 or "",
        " ".join(place),
        _COUNTRIES.get(address.country, address.country),
    ]
    return [line for line in lines if line.strip()]
