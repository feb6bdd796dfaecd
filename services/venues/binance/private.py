"""The ears of the user data stream (binance.md 7.1). Every word is booked, passed over by name, or renews.

There is no acknowledgement: a connection with a living listen key is all there is. What it does not say is
found by the reads of the account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from services.runtime.clock import boot_s
from services.venues.binance import frames
from services.venues.binance.ears import Ears
from services.venues.binance.parse import ParseError
from services.venues.wire.errors import UNREADABLE
from services.venues.wire.numbers import wire_count, wire_decimal
from services.venues.wire.stream import Renew

BOOKED = ("ORDER_TRADE_UPDATE", "ALGO_UPDATE", "ACCOUNT_UPDATE")


class Private(Protocol):
    """Who books what the private stream says."""

    def order_frame(self, frame: frames.OrderFrame) -> None: ...

    def algo_frame(self, frame: frames.AlgoFrame) -> None: ...

    def account_frame(self, frame: frames.AccountFrame) -> None: ...

    def margin_called(self, symbols: tuple[str, ...]) -> None:
        """The venue warns of liquidation; `symbols` as far as it names them."""

    def changed(self, text: str) -> None:
        """The account's configuration changed."""


def _named(body: bytes) -> tuple[str, ...]:
    """A warning counts whatever is in it."""
    try:
        return tuple(row.s for row in frames.MARGIN_CALL.decode(body).p)
    except UNREADABLE:
        return ()


class PrivateEars(Ears):
    def __init__(
        self,
        private: Private,
        *,
        trouble: Callable[[str], None],
        clock: Callable[[], float] = boot_s,
    ) -> None:
        super().__init__(trouble=trouble, clock=clock)
        self._private = private

    def patience(self, stream: str, spoke: bool) -> float:
        return float("inf")

    def event(self, name: str, body: bytes) -> bool:
        match name:
            case "ORDER_TRADE_UPDATE":
                self._private.order_frame(frames.ORDER.decode(body))
            case "ALGO_UPDATE":
                self._private.algo_frame(frames.ALGO.decode(body))
            case "ACCOUNT_UPDATE":
                found = frames.ACCOUNT.decode(body)
                for balance in found.a.B:
                    wire_decimal(balance.wb, f"{balance.a} wallet")
                for position in found.a.P:
                    wire_decimal(position.pa, f"{position.s} position")
                    wire_count(position.ep, f"{position.s} entry price")
                self._private.account_frame(found)
            case "listenKeyExpired":
                raise Renew("the listen key has expired")
            case "MARGIN_CALL":
                self._private.margin_called(_named(body))
            case "ACCOUNT_CONFIG_UPDATE":
                self._private.changed(body[:200].decode("utf-8", "replace"))
            case "TRADE_LITE":
                # A hint without a fee, told again in full: never booked.
                return False
            case "STRATEGY_UPDATE" | "GRID_UPDATE" | "CONDITIONAL_ORDER_TRIGGER_REJECT":
                return False
            case _:
                raise ParseError("an event that this program does not know")
        return True

    def unreadable(self, name: str, text: str) -> None:
        if not name or name in BOOKED:
            # A private word we cannot read is one we have missed: the account is read after the reconnect.
            raise Renew(f"a private frame cannot be read: {name or 'no frame'}: {text}"[:200])
