"""The library's own streams behind our fence, and what has to be mended of them before they are believed.

Read in its source (4.5.90):

- An exception in a handler, or a frame that is no JSON, ends its receiving loop without a word: the
  connection stays open and says nothing more. Here it ends the connection.
- Books outlive a connection, and Bybit's handler applies a change to whatever book there is, an empty one
  too, and looks at no number. Here every connection begins without books, and a change before a whole book,
  or one whose number is not the next one, ends it.
- Its heartbeat and its waits between connections go by the wall's clock, which somebody may set: set back by
  hours, it would notice no dead socket for hours. Here silence is judged by us, and so is the wait.

Only exchanges whose book-keeping has been read are followed this way (`READ`); books of all others are asked
for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from services.runtime.clock import boot_s

READ = ("okx", "bybit")
"""OKX's handler holds each change against the number of the one before; Bybit's are held here."""
BEAT_MS = 2_000
"""Between two questions whether the other side is there: a quiet market is as fresh as the last answer."""


class Unproven(Exception):
    """A frame that makes the books of its connection worthless."""


class Hosts(Protocol):
    def check_stream(self, url: str) -> None:
        """Raises ForbiddenHost."""


class Proof:
    """What one connection has told of its books."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def bybit(self, frame: Mapping[str, Any]) -> None:
        """Whole first, then changes, each with the next number: `u` counts every frame of its topic. A whole
        book begins anew from whatever number it has, 1 after a restart of theirs. `seq` has gaps and proves
        nothing. Raises Unproven.
        """
        topic = str(frame.get("topic") or "")
        if not topic.startswith("orderbook."):
            return
        data = frame.get("data")
        number = data.get("u") if isinstance(data, Mapping) else None
        if not isinstance(number, int) or isinstance(number, bool):
            raise Unproven(f"{topic}: a book without a number")
        if frame.get("type") == "delta":
            known = self._numbers.get(topic)
            if known is None:
                raise Unproven(f"{topic}: a change before a whole book")
            if number != known + 1:
                raise Unproven(f"{topic}: change {number} after {known}")
        self._numbers[topic] = number


class Sockets:
    """Goes before an exchange class of the library that has streams."""

    fence: Hosts
    id: str
    clients: dict[str, Any] | None
    orderbooks: dict[str, Any]
    heard_at: float | None = None
    """Of the last frame of any kind, by the clock that counts sleep; None = none on this connection."""
    connects = 0

    def ws_dial_delay(self, url: str) -> float:
        """Whoever follows a book waits between two connections."""
        return 0.0

    def client(self, url: str) -> Any:
        if self.clients is None or url not in self.clients:
            self.fence.check_stream(url)
            # What an earlier connection told is not known any more.
            self.orderbooks.clear()
            self.heard_at = None
            self.connects += 1
            self._guard(super().client(url))  # type: ignore[misc] # of the exchange class
        return super().client(url)  # type: ignore[misc]

    def _guard(self, client: Any) -> None:
        heard, proof = client.handle_message, Proof()

        def guarded(message: Any) -> None:
            self.heard_at = boot_s()
            try:
                heard(message)
            except Exception as error:
                client.on_error(Unproven(f"{type(error).__name__}: {error}"[:200]))

        told = client.on_message_callback

        def proven(of: Any, frame: Any) -> None:
            if self.id == "bybit" and isinstance(frame, Mapping):
                proof.bybit(frame)
            told(of, frame)

        client.handle_message = guarded
        client.on_message_callback = proven
        client.keepAlive, client.maxPingPongMisses = BEAT_MS, float("inf")

    def cut(self, why: str) -> None:
        """End every connection; who waits for a book hears why."""
        for client in list((self.clients or {}).values()):
            client.on_error(Unproven(why))
