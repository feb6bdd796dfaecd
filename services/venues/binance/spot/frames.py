"""The wire names of the account's events on spot's WebSocket API, as msgspec decodes them."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Struct

from services.venues.binance import frames


class Report(Struct, frozen=True):
    """`executionReport`."""

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
    C: str = ""
    """What a cancel cancels: then `c` is the cancel's own id."""
    m: bool = False
    n: Decimal | None = None
    N: str | None = None
    r: str = "NONE"
    eR: str = ""

    def plain(self) -> frames.OrderFields:
        """In the words of futures."""
        reason = self.eR or ("" if self.r == "NONE" else self.r)
        # An order that the venue ends to keep us from trading with ourselves.
        kind = "EXPIRED" if self.x == "TRADE_PREVENTION" and self.X == "EXPIRED_IN_MATCH" else self.x
        return frames.OrderFields(
            s=self.s,
            c=self.C or self.c,
            S=self.S,
            f=self.f,
            q=self.q,
            x=kind,
            X=self.X,
            i=self.i,
            l=self.l,
            z=self.z,
            L=self.L,
            T=self.T,
            t=self.t,
            m=self.m,
            n=self.n,
            N=self.N,
            er=reason,
        )


class HeldCoin(Struct, frozen=True):
    a: str
    f: Decimal
    l: Decimal  # noqa: E741 # the wire's name


class Balances(Struct, frozen=True):
    """`outboundAccountPosition`: coins that may have changed."""

    E: int
    B: list[HeldCoin]


class Transfer(Struct, frozen=True):
    """`balanceUpdate`: a deposit, a withdrawal, a move between accounts."""

    E: int
    a: str
    d: Decimal
    T: int


REPORT = msgspec.json.Decoder(Report)
BALANCES = msgspec.json.Decoder(Balances)
TRANSFER = msgspec.json.Decoder(Transfer)
