"""An account that is refused everything new: what one refused order has said of those that would follow it.

A key that lost its rights, an account that may only close: the next entry would be refused alike, and a pair
whose first leg is on another venue would stand there naked. So nothing that adds risk is sent for a while.
"""

from __future__ import annotations

from collections.abc import Callable

from services.runtime.clock import boot_ns

MINUTES = 15
SHUT_NS = MINUTES * 60 * 1_000_000_000


class Shut:
    def __init__(self, say: Callable[[str], None], clock: Callable[[], int] = boot_ns) -> None:
        """`say` hears of it once."""
        self._say = say
        self._clock = clock
        self._text = ""
        self._until = 0

    def close(self, text: str) -> None:
        """The venue has refused an order with these words, and would refuse others."""
        now = self._clock()
        if now >= self._until:
            self._say(f"no new risk for {MINUTES} min: {text}")
        self._text, self._until = f"the venue refuses: {text}", now + SHUT_NS

    @property
    def why(self) -> str:
        """Why nothing that adds risk is sent; "" = it may be tried."""
        return self._text if self._clock() < self._until else ""
