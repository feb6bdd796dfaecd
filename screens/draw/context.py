"""What every drawing needs beside its view."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from screens.format import clean


def at_once(keys: list[str]) -> list[str]:
    return keys


class Context(Struct, frozen=True):
    now: int
    """The desk's time, ns."""
    remote: bool = False
    """Over ssh: ages under a second are not spelled out, so that a fresh screen repaints nothing."""
    room: bool = True
    """Spare rows: blank lines between groups, second lines."""
    hidden: frozenset[str] = frozenset()
    """Columns of this pane that a person hides."""
    needle: str = ""
    """The filter: only rows that contain it, in any case."""
    sort: str = ""
    """The chosen order of this pane; empty = its own."""
    hold: Callable[[list[str]], list[str]] = at_once
    """The order that holds, given what it would be now: rows wait until nobody touches a key."""
    tightest: str = ""
    """The limit nearest to binding, as the answer bar names it."""
    naked_is_late: bool = True
    """Something is naked beyond its time-out."""

    unseen_ms: int | None = None
    """Nothing is open, and an account is out of sight: as of so long ago."""

    lost: bool = False
    """No engine is connected: nothing that is sent reaches anybody."""

    distance_limit: Decimal | None = None
    """Joint distance to liquidation below which entries are refused, as the engine has it set; None = not
    told yet."""
    distance_reducing: Decimal | None = None
    """… and below which an account is REDUCING."""

    def near(self, away: Decimal) -> str:
        """`ok`, `warn` or `alarm`: how near liquidation is. An account whose limits are not told is near."""
        if self.distance_limit is None or self.distance_reducing is None:
            return "warn"
        return "alarm" if away < self.distance_reducing else "warn" if away < self.distance_limit else "ok"

    def no_match(self, what: str) -> str:
        return f"No {what} matches {self.needle}. / and then esc shows all."

    def keeps(self, *texts: str) -> bool:
        """As it came or as it is drawn: a person types what he reads, or what his keys have."""
        return not self.needle or any(
            self.needle in form.casefold() for text in texts for form in (text, clean(text))
        )
