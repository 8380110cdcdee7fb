"""Order numbers that people read out: `S-2K7Q9MX`, six characters and one that checks them.

The characters are Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O or U, and what is read as one
of them is understood. The check character is a weighted sum in the field of 32 elements, the weights being powers of a
generator: any one wrong character and any two that changed places are noticed.
"""

PREFIX = "S-"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 6
_BITS = 5 * _LENGTH
_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0", " ": None, "-": None})
# x^5 + x^2 + 1 is primitive: x generates all 31 elements but zero.
_POLYNOMIAL = 0b100101
_MULTIPLIER = 0x2545F491 | 1


def number(serial: int) -> str:
    """The order number for the `serial`-th order.

    Different serials below 2^30 give different numbers, and numbers do not tell how many orders there are.
    """
    scrambled = _scramble(serial % (1 << _BITS))
    digits = [scrambled >> shift & 31 for shift in range(_BITS - 5, -1, -5)]
    return PREFIX + "".join(_ALPHABET[digit] for digit in [*digits, _check(digits)])


def parse(text: str) -> str | None:
    """The order number that `text` means, in its one right spelling; None when it cannot be one."""
    compact = text.strip().upper().translate(_READ_AS).removeprefix("S")
    # `S` is also a character of numbers: only the length tells whether the prefix was given.
    if len(compact) == _LENGTH:
        compact = "S" + compact
    if len(compact) != _LENGTH + 1 or any(character not in _ALPHABET for character in compact):
        return None
    *digits, check = (_ALPHABET.index(character) for character in compact)
    return PREFIX + compact if check == _check(digits) else None


def _check(digits: list[int]) -> int:
    total = 0
    for digit in digits:
        total = _times_x(total ^ digit)
    return total


def _times_x(element: int) -> int:
    shifted = element << 1
    return shifted ^ _POLYNOMIAL if shifted & 32 else shifted


def _scramble(serial: int) -> int:
    """A permutation of the numbers below 2^30: each step can be undone."""
    mask = (1 << _BITS) - 1
    scrambled = serial ^ serial >> 15
    scrambled = scrambled * _MULTIPLIER & mask
    scrambled ^= scrambled >> 13
    scrambled = scrambled * _MULTIPLIER & mask
    return scrambled ^ scrambled >> 15
