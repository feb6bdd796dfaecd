"""The wire names of Binance's streams, one or two letters each, as msgspec decodes them (binance.md 7).

As in `schemas`: what a reader needs is required, and numbers are checked again where they become ours.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Struct

from services.venues.binance.schemas import Level


class Head(Struct, frozen=True):
    """What every frame tells of itself. `id` marks an answer, `stream` and `event` the wrapped forms."""

    e: str = ""
    id: int | str | None = None
    status: int = 200
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")
    event: msgspec.Raw = msgspec.Raw(b"")


class BookTickerFrame(Struct, frozen=True):
    s: str
    u: int
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal
    E: int = 0


class DepthFrame(Struct, frozen=True):
    s: str
    E: int
    U: int
    u: int
    b: list[Level]
    a: list[Level]
    pu: int | None = None
    """Absent on spot, where `U` follows the last `u` by one."""


class MarkFrame(Struct, frozen=True):
    s: str
    E: int
    p: Decimal
    i: Decimal
    r: str
    """Empty for contracts that pay none."""
    T: int


class AssetIndexFrame(Struct, frozen=True):
    s: str
    E: int
    i: Decimal
    b: Decimal


class OrderFields(Struct, frozen=True):
    s: str
    c: str
    S: str
    f: str
    q: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741 # the wire's name
    z: Decimal
    L: Decimal
    T: int
    t: int
    ot: str = ""
    ps: str = "BOTH"
    m: bool = False
    n: Decimal | None = None
    N: str | None = None
    er: str = ""


class OrderFrame(Struct, frozen=True):
    E: int
    T: int
    o: OrderFields


class AlgoFields(Struct, frozen=True):
    caid: str
    aid: int
    s: str
    X: str
    ai: int | str = ""
    rm: str = ""
    ps: str = "BOTH"


class AlgoFrame(Struct, frozen=True):
    E: int
    T: int
    o: AlgoFields


class BalanceFields(Struct, frozen=True):
    a: str
    wb: Decimal
    bc: Decimal


class PositionFields(Struct, frozen=True):
    s: str
    pa: Decimal
    ep: Decimal
    ps: str


class AccountFields(Struct, frozen=True):
    m: str
    B: list[BalanceFields] = []
    P: list[PositionFields] = []


class AccountFrame(Struct, frozen=True):
    E: int
    a: AccountFields


class CalledPosition(Struct, frozen=True):
    s: str


class MarginCallFrame(Struct, frozen=True):
    p: list[CalledPosition] = []


class Candle(Struct, frozen=True):
    t: int
    T: int
    s: str
    i: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 # the wire's name
    c: Decimal
    v: Decimal
    x: bool


class CandleFrame(Struct, frozen=True):
    E: int
    k: Candle


HEAD = msgspec.json.Decoder(Head)
HEADS = msgspec.json.Decoder(list[msgspec.Raw])
BOOK_TICKER = msgspec.json.Decoder(BookTickerFrame)
DEPTH = msgspec.json.Decoder(DepthFrame)
MARK = msgspec.json.Decoder(MarkFrame)
ASSET_INDEX = msgspec.json.Decoder(AssetIndexFrame)
ORDER = msgspec.json.Decoder(OrderFrame)
ALGO = msgspec.json.Decoder(AlgoFrame)
ACCOUNT = msgspec.json.Decoder(AccountFrame)
MARGIN_CALL = msgspec.json.Decoder(MarginCallFrame)
CANDLE = msgspec.json.Decoder(CandleFrame)
