"""Countries (ISO 3166-1 alpha-2) and what their postal codes look like.

Shapes only: they catch a slip of the finger, whether a code exists is for the carrier to say. Source of the shapes:
Universal Postal Union, "Addressing systems"; a country that is not listed takes any short code.
"""

import re

_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR "
    "GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO "
    "JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR "
    "MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO "
    "RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV "
    "TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_CODES.split())

_DIGITS = {
    3: "FO IS",
    4: "AT AU BE BG CH CY DK HU LI LU NO NZ SI",
    5: "AX BA DE EE ES FI FR HR IT LT MC ME MX SM TR UA VA",
    6: "CN IN RO SG",
}
_SHAPES = {
    country: rf"\d{{{count}}}" for count, countries in _DIGITS.items() for country in countries.split()
} | {
    "AD": r"AD\d{3}",
    "BR": r"\d{5}-?\d{3}",
    "CA": r"[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d",
    "CZ": r"\d{3} ?\d{2}",
    "GB": r"(GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})",
    "GR": r"\d{3} ?\d{2}",
    "IE": r"[A-Z]\d[\dW] ?[A-Z\d]{4}",
    "JP": r"\d{3}-?\d{4}",
    "KR": r"\d{5}",
    "LV": r"LV-\d{4}",
    "MT": r"[A-Z]{3} ?\d{4}",
    "NL": r"[1-9]\d{3} ?[A-Z]{2}",
    "PL": r"\d{2}-\d{3}",
    "PT": r"\d{4}-\d{3}",
    "RS": r"\d{5,6}",
    "SE": r"\d{3} ?\d{2}",
    "SK": r"\d{3} ?\d{2}",
    "US": r"\d{5}(-\d{4})?",
}
_PATTERNS = {country: re.compile(shape, re.ASCII) for country, shape in _SHAPES.items()}
_ELSEWHERE = re.compile(r"[A-Z0-9][A-Z0-9 -]{0,9}", re.ASCII)


def is_postal_code(code: str, country: str) -> bool:
    """Whether `code`, in capitals, looks like a postal code of `country`."""
    return _PATTERNS.get(country, _ELSEWHERE).fullmatch(code) is not None
