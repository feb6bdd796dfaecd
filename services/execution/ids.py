"""The desk's own order numbers: an instance drawn once, and a sequence that is never reset (SEMANTICS 7)."""

from __future__ import annotations

from msgspec import Struct

from services.domain.enums import Purpose
from services.domain.orders import client_order_id, place_of

SKIPPED = 100_000
"""Numbers left out at a restart: far more than the hour between two checkpoints draws, far less than 36^9."""

_ATTEMPTS = 36**3
"""The id has three base-36 places for the attempt; it only repeats what the order says, so it may wrap."""


class IdState(Struct):
    instance: str
    """Six characters of [0-9a-z]."""
    sequence: int = 0
    """The last number drawn."""
    pairs: int = 0
    """Pairs named so far; small numbers of their own, for people."""


class IdCounter:
    """Draws client order ids. Every machine of one desk shares one counter, so no two ids are equal."""

    def __init__(self, instance: str, state: IdState | None = None) -> None:
        if len(instance) != 6 or not (
            instance.isascii() and instance.isalnum() and instance == instance.lower()
        ):
            raise ValueError(f"instance {instance!r}: expected six characters of 0-9 and a-z")
        self.state = state if state is not None else IdState(instance)

    def draw(self, purpose: Purpose, leg: int = 0, attempt: int = 0, pair: str | None = None) -> str:
        """A new client order id."""
        state, place = self.state, place_of(pair or "")
        state.sequence += 1
        return client_order_id(state.instance, state.sequence, purpose, leg, attempt % _ATTEMPTS, place)

    def number(self) -> int:
        """A new number of the same sequence, for pair and flatten ids."""
        self.state.sequence += 1
        return self.state.sequence

    def pair(self) -> str:
        """A new pair's name, `P-01`, `P-02`, ...: what the screen shows and a person types."""
        self.state.pairs += 1
        return f"P-{self.state.pairs:02d}"


def restarted(state: IdState, named: int) -> None:
    """What may have been drawn after the last durable row, or in a lost block, is never drawn again.

    `named`: the highest number of any pair on record. The state has to be on disk before anything is drawn
    from it: an engine killed again at once would otherwise begin where this one did.
    """
    state.sequence += SKIPPED
    state.pairs = max(state.pairs, named)
