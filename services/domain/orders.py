"""An order as we ask for it, and the 20-character client order id that survives every restart."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import OrderType, Purpose, Side, TimeInForce

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
PLACES = 17
"""So many pairs on one instrument are told apart by the one place that the id has for the leg."""


class OrderRequest(Struct, frozen=True, kw_only=True):
    """What goes to the gate and to the venue: there without the reduce-only flag where none exists (spot)."""

    client_order_id: str
    instrument: str
    side: Side
    quantity: Decimal
    """Base units, on the lot grid, > 0."""
    price: Decimal | None
    """Limit in the quote coin, on the price grid; None only for MARKET."""
    type: OrderType = OrderType.LIMIT
    tif: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    trigger: Decimal | None = None
    """Conditional order: it rests until the *mark* reaches this price (a sell: at or below it, a buy: at or
    above it) and is then released as `type`. Always reduce-only. None = an ordinary order."""
    purpose: Purpose
    origin: str
    """`strategy:NAME`, `operator` or `desk`."""
    pair: str | None = None
    leg: int = 0
    """0 = no pair, 1 = short leg, 2 = long leg."""
    attempt: int = 0
    """The first is 1; 0 = not counted."""
    decided_mid: Decimal | None = None
    """Mid at the decision: slippage is measured against it (SEMANTICS 11)."""
    reason: str = ""

    @property
    def closing(self) -> bool:
        """It exists only to reduce, whether or not its venue has a flag that says so."""
        return self.reduce_only or self.purpose.closing

    @property
    def urgent(self) -> bool:
        """It leaves less open than there is: it reduces, or hedges what has filled. Its venue's whole request
        budget is for it (PARAMETERS, gate.order rate)."""
        return self.closing or self.purpose is Purpose.HEDGE


def base36(value: int, width: int) -> str:
    """Fixed-width base 36. Raises ValueError when it does not fit."""
    if value < 0:
        raise ValueError(f"{value} is negative")
    out = ""
    while value:
        value, digit = divmod(value, 36)
        out = _DIGITS[digit] + out
    if len(out) > width:
        raise ValueError(f"does not fit into {width} base-36 digits")
    return out.zfill(width)


def place_of(pair: str) -> int:
    """Where the pair `P-NN` stands among `PLACES` that follow each other: 0 for the first."""
    number = pair.rpartition("-")[2]
    return (int(number) - 1) % PLACES if number.isdecimal() else 0


def client_order_id(
    instance: str, sequence: int, purpose: Purpose, leg: int, attempt: int, place: int = 0
) -> str:
    """`instance(6) sequence(9) purpose(1) leg(1) attempt(3)`, all `[0-9a-z]` (SEMANTICS 7).

    The leg's digit says the pair's `place`, too: leg + 2 * place; 0 = no pair.
    """
    digit = _DIGITS[leg + 2 * place if leg else 0]
    tries = f"00{_DIGITS[attempt]}" if 0 <= attempt < 36 else base36(attempt, 3)
    return f"{instance}{base36(sequence, 9)}{purpose.letter}{digit}{tries}"


class IdParts(Struct, frozen=True):
    """What a client order id says of its order."""

    purpose: Purpose
    leg: int
    attempt: int
    place: int
    """`place_of` its pair; 0 also where there is none, and in ids of programs that did not say it."""


def parse_client_order_id(text: str) -> IdParts | None:
    """The parts of an id of ours; None = it is not of this form."""
    if len(text) != 20 or any(char not in _DIGITS for char in text):
        return None
    purpose = next((each for each in Purpose if each.letter == text[15]), None)
    if purpose is None:
        return None
    place, leg = divmod(int(text[16], 36) - 1, 2) if text[16] != "0" else (0, -1)
    return IdParts(purpose, leg + 1, int(text[17:], 36), place)
