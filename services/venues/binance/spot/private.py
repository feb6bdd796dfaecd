"""The ears of the account's events on spot's WebSocket API (binance.md 0.3, 7.2).

There is no listen key any more: the connection says who it is in one signed request, and every event comes
wrapped with the number of that subscription. A word that cannot be read is one that was missed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Protocol

from services.runtime.clock import boot_s
from services.venues.binance.ears import Ears
from services.venues.binance.parse import ParseError
from services.venues.binance.sign import Sign
from services.venues.binance.spot import frames
from services.venues.wire.stream import Renew

BOOKED = ("executionReport", "outboundAccountPosition", "balanceUpdate")
METHOD = "userDataStream.subscribe.signature"


class Private(Protocol):
    """Who books what the stream says."""

    def report(self, frame: frames.Report) -> None: ...

    def balances(self, frame: frames.Balances) -> None: ...

    def transfer(self, frame: frames.Transfer) -> None: ...


class SpotPrivateEars(Ears):
    def __init__(
        self,
        private: Private,
        key: str,
        sign: Sign,
        *,
        now_ms: Callable[[], int],
        trouble: Callable[[str], None],
        clock: Callable[[], float] = boot_s,
    ) -> None:
        """`now_ms`: the venue's clock."""
        super().__init__(trouble=trouble, clock=clock)
        self._private = private
        self._key = key
        self._sign = sign
        self._now_ms = now_ms

    def greeting(self) -> Sequence[str]:
        super().greeting()
        self._next_id += 1
        self._asked.add(self._next_id)
        stamp = self._now_ms()
        # Sorted by name, every parameter but the signature.
        text = f"apiKey={self._key}&timestamp={stamp}"
        params = {"apiKey": self._key, "timestamp": stamp, "signature": self._sign(text.encode("ascii"))}
        return [json.dumps({"id": self._next_id, "method": METHOD, "params": params})]

    def patience(self, stream: str, spoke: bool) -> float:
        return float("inf")

    def event(self, name: str, body: bytes) -> bool:
        match name:
            case "executionReport":
                self._private.report(frames.REPORT.decode(body))
            case "outboundAccountPosition":
                self._private.balances(frames.BALANCES.decode(body))
            case "balanceUpdate":
                self._private.transfer(frames.TRANSFER.decode(body))
            case "eventStreamTerminated":
                raise Renew("the venue has ended the subscription to the account's events")
            case "listStatus" | "externalLockUpdate":
                # Lists of orders are nobody's here, and a lock leaves the coins in the account.
                return False
            case _:
                raise ParseError("an event that this program does not know")
        return True

    def unreadable(self, name: str, text: str) -> None:
        if not name or name in BOOKED:
            raise Renew(f"a private frame cannot be read: {name or 'no frame'}: {text}"[:200])
