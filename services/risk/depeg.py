"""Depeg monitor: how far a stablecoin is from one dollar, by the median of several sources (SEMANTICS 5.11).

Sources are mids of two-sided quotes (built in `market.sources`); this file judges how many agree and for how
long. Deviations are in bps of one dollar. A coin without any source is `unknown`, which blocks like
`block`: silence is never a peg. It only reports; the desk turns changes into causes and alerts, and never
sells because of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from msgspec import Struct, field

from services.domain.money import BPS, ONE
from services.settings.parameters import Depeg

SECOND = 1_000_000_000
LEVELS = ("ok", "warn", "block", "reduce")
_OFF_PEG = LEVELS[1:]
_MEANS = {
    "warn": "a warning",
    "block": "entries blocked",
    "reduce": "exposed accounts only reduce",
    "lifted": "resumed over by a person",
}
"""What a level does, in the words of an alert."""


class CoinSource(Protocol):
    """One opinion on a coin's USD price (`market.sources.Source`)."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def age(self) -> int: ...


class LevelChange(Struct, frozen=True, kw_only=True):
    coin: str
    before: str
    after: str
    deviation: Decimal | None
    """bps; None = no source."""
    sources: int
    text: str


class LevelClock(Struct):
    """One level of one coin."""

    active: bool = False
    over_since: int | None = None
    under_since: int | None = None


class CoinWatch(Struct):
    levels: dict[str, LevelClock] = field(default_factory=dict)
    deviation: Decimal | None = None
    price: Decimal | None = None
    sources: int = 0
    known: bool = False
    par: bool = False
    lifted: Decimal | None = None
    """bps at which a person resumed over `reduce`; None = nobody did, or it has changed since."""


class DepegState(Struct):
    coins: dict[str, CoinWatch] = field(default_factory=dict)


class DepegMonitor:
    """Levels per coin: `ok`, `warn`, `block`, `reduce`, or `unknown` while it has no source."""

    def __init__(
        self,
        params: Depeg,
        *,
        assume_par: tuple[str, ...] = (),
        source_age_ns: int | None = None,
        state: DepegState | None = None,
    ) -> None:
        """`assume_par`: coins declared to be one dollar for want of any series (stamped on every figure).
        `source_age_ns`: a longer age limit for history runs, whose only source is the close of a bar."""
        self.params = params
        self.assume_par = assume_par
        self.source_age_ns = max(params.source_age_s * SECOND, source_age_ns or 0)
        self.state = state if state is not None else DepegState()

    def update(
        self,
        coin: str,
        sources: Sequence[CoinSource],
        now: int,
        *,
        ours: Sequence[str] = (),
        unanchored: Decimal | None = None,
    ) -> tuple[LevelChange, ...]:
        """Judge `coin` at `now`.

        `ours`: names of sources of a venue that would liquidate us on its own price: one of them alone may
        lead to REDUCING. `unanchored`: a rate of this coin in another coin while neither has a USD source; it
        counts as a single source for both, so that both are alarmed, and calms neither.
        """
        watch = self.state.coins.setdefault(coin, CoinWatch())
        before = self.level(coin)
        if coin in self.assume_par:
            watch.known, watch.par, watch.deviation, watch.price, watch.sources = (
                True,
                True,
                Decimal(0),
                ONE,
                0,
            )
            return self._change(coin, before)
        good = [s for s in sources if _is_price(s.value) and 0 <= s.age <= self.source_age_ns]
        watch.sources = len(good)
        if not good and unanchored is not None and _is_price(unanchored):
            watch.known, watch.price = False, None
            self._clocks(watch, _deviation(unanchored), None, now, anchored=False)
            watch.deviation = _deviation(unanchored)
            return self._change(coin, before)
        if not good:
            # No opinion: the clocks stand as they are, so that a gap neither releases nor forgets a depeg.
            watch.known, watch.deviation, watch.price = False, None, None
            for clock in watch.levels.values():
                clock.under_since = None
            return self._change(coin, before)
        watch.known = True
        watch.price, blocking, reducing = _opinion(good, ours)
        watch.deviation = blocking
        self._clocks(watch, blocking, reducing, now)
        return self._change(coin, before)

    def level(self, coin: str) -> str:
        """A coin never judged is unknown."""
        if coin == "USD":
            return "ok"
        watch = self.state.coins.get(coin)
        if watch is None:
            return "unknown"
        active = "ok"
        for name in _OFF_PEG:
            clock = watch.levels.get(name)
            if clock is not None and clock.active:
                active = name
        if not watch.known and active != "reduce":
            return "unknown"
        return active

    def levels(self) -> dict[str, str]:
        """`GateContext.depeg_levels`."""
        return {coin: self.level(coin) for coin in self.state.coins}

    def deviation(self, coin: str) -> Decimal | None:
        """bps from one dollar, the figure that blocks; None = unknown."""
        watch = self.state.coins.get(coin)
        return None if watch is None else watch.deviation

    def told(self, coin: str) -> str:
        """Where the coin stands now, in a line; empty = it was never judged."""
        watch = self.state.coins.get(coin)
        if watch is None:
            return ""
        level, p = self.level(coin), self.params
        text = _text(coin, "lifted" if level == "reduce" and not self.reduces(coin) else level, watch)
        bound = {"warn": p.warn, "block": p.block, "reduce": p.reduce}.get(level) if watch.known else None
        if bound is None or watch.deviation is None or watch.deviation >= bound:
            return text
        # On its way back: without the reason a calm figure beside a block reads like a fault of ours.
        return f"{text} until {bound / 2:.0f} or less for {p.release_min} min"

    def off(self, coin: str) -> str:
        """By how much, in as few words as a cell has room for."""
        deviation = self.deviation(coin)
        return (
            f"{coin} off its peg, unknown how far"
            if deviation is None
            else f"{coin} {deviation:,.0f} bps off its peg"
        )

    def lift(self, coin: str) -> None:
        """A person resumed over a `reduce` that holds: it asks for nothing until the coin has been back, or
        is off by another such level (or unknown)."""
        watch = self.state.coins.get(coin)
        if watch is not None and self.level(coin) == "reduce":
            watch.lifted = watch.deviation

    def reduces(self, coin: str) -> bool:
        """Are exposed accounts to be REDUCING?"""
        if self.level(coin) != "reduce":
            return False
        watch = self.state.coins[coin]
        if watch.lifted is None or watch.deviation is None:
            return True
        return watch.deviation >= watch.lifted + self.params.reduce

    def sources(self, coin: str) -> int:
        watch = self.state.coins.get(coin)
        return 0 if watch is None else watch.sources

    def _clocks(
        self,
        watch: CoinWatch,
        blocking: Decimal,
        reducing: Decimal | None,
        now: int,
        *,
        anchored: bool = True,
    ) -> None:
        p = self.params
        for name, bound, hold_s, figure in (
            ("warn", p.warn, p.warn_s, blocking),
            ("block", p.block, p.block_s, blocking),
            ("reduce", p.reduce, p.reduce_s, reducing),
        ):
            clock = watch.levels.setdefault(name, LevelClock())
            if figure is not None and figure >= bound:
                clock.under_since = None
                if clock.over_since is None:
                    clock.over_since = now
                if now - clock.over_since >= hold_s * SECOND:
                    clock.active = True
                continue
            clock.over_since = None
            # Release looks at the blocking figure: one doubtful calm source must not release a REDUCING, nor
            # does a calm rate with no dollar in it: two coins may have slipped together.
            if not clock.active or not anchored or blocking > bound / 2:
                clock.under_since = None
                continue
            if clock.under_since is None:
                clock.under_since = now
            if now - clock.under_since >= p.release_min * 60 * SECOND:
                clock.active, clock.under_since = False, None

    def _change(self, coin: str, before: str) -> tuple[LevelChange, ...]:
        after, watch = self.level(coin), self.state.coins[coin]
        if after != "reduce":
            watch.lifted = None
        if after == before:
            return ()
        return (
            LevelChange(
                coin=coin,
                before=before,
                after=after,
                deviation=watch.deviation,
                sources=watch.sources,
                text=_text(coin, after, watch),
            ),
        )


def _opinion(good: Sequence[CoinSource], ours: Sequence[str]) -> tuple[Decimal, Decimal, Decimal | None]:
    """(price, deviation that warns and blocks, deviation that may reduce or None)."""
    values = sorted(source.value for source in good)
    if len(values) >= 3:
        middle = len(values) // 2
        price = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
        deviation = _deviation(price)
        return price, deviation, deviation
    worst = max(values, key=_deviation)
    if len(values) == 2:
        return worst, _deviation(worst), min(_deviation(value) for value in values)
    alone = _deviation(worst) if good[0].name in ours else None
    return worst, _deviation(worst), alone


def _deviation(price: Decimal) -> Decimal:
    return abs(price - ONE) / BPS


def _is_price(value: Decimal) -> bool:
    return value.is_finite() and value > 0


def _text(coin: str, level: str, watch: CoinWatch) -> str:
    if watch.par:
        return f"{coin} taken at par (assumed, no series)"
    if watch.deviation is None:
        return f"{coin} has no fresh USD source: entries that touch it are blocked"
    deviation = f"{watch.deviation:,.0f} bps from 1 USD"
    if not watch.known:
        return f"{coin} {deviation} against another coin, with no USD source"
    marked = f"{watch.sources} of 3 sources" if watch.sources < 3 else f"{watch.sources} sources"
    return f"{coin} {deviation} ({marked}): {_MEANS.get(level, level)}"
