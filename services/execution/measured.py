"""How our own orders really filled: how much of what rested did, what a fill cost, and how far taking slips.

By strategy, over the desk's life. A taking fill is measured against the mid of its decision (SEMANTICS 11). A
resting one against the mid of the moment it fills: the mid of its decision lies on the far side of the move
that filled it, and against that every fill would look like a gain.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import Purpose, Side
from services.domain.money import BPS, ONE, ZERO
from services.market.costs import FillCosts
from services.settings.parameters import Execution

KEPT = 200
"""Taking fills, newest last, that the percentile looks at."""
_STEP = Decimal("0.01")


class Attempts(Struct):
    """Leg 1 resting, one way: in or out. An attempt is one slice with its re-quotes."""

    attempts: int = 0
    requotes: int = 0
    refused: int = 0
    """By the venue, because they would have matched."""
    asked: Decimal = ZERO
    """USD, of the attempts' first quotes."""
    filled: Decimal = ZERO
    """USD that filled while resting."""

    @property
    def rate(self) -> Decimal | None:
        """Filled share of what was asked; None before the first attempt."""
        return min(self.filled / self.asked, ONE) if self.asked > ZERO else None


class Realised(Struct):
    """Fills of one kind, USD."""

    fills: int = 0
    notional: Decimal = ZERO
    fees: Decimal = ZERO
    slippage: Decimal = ZERO
    """Lost against the mid (> 0) or gained (< 0)."""

    @property
    def bps(self) -> Decimal | None:
        """Fee and slippage of a fill, mean by notional."""
        return (self.fees + self.slippage) / self.notional / BPS if self.notional > ZERO else None

    @property
    def slippage_bps(self) -> Decimal | None:
        return self.slippage / self.notional / BPS if self.notional > ZERO else None


class FillStats(Struct):
    entry: Attempts = field(default_factory=Attempts)
    exit: Attempts = field(default_factory=Attempts)
    maker: Realised = field(default_factory=Realised)
    taker: Realised = field(default_factory=Realised)
    slips: list[Decimal] = field(default_factory=list)
    """bps of the last taking fills, oldest first."""

    def way(self, purpose: Purpose) -> Attempts:
        return self.entry if purpose is Purpose.ENTRY else self.exit


def note_quote(stats: FillStats, purpose: Purpose, attempt: int, notional: Decimal | None) -> None:
    """A post-only order went out. One of unknown worth is no sample."""
    way = stats.way(purpose)
    if attempt > 1:
        way.requotes += 1
    elif notional is not None:
        way.attempts += 1
        way.asked += notional


def note_fill(
    stats: FillStats,
    *,
    purpose: Purpose,
    maker: bool,
    side: Side,
    price: Decimal,
    mid: Decimal | None,
    notional: Decimal | None,
    fee_usd: Decimal | None,
) -> None:
    """One fill of a pair's own entry, hedge or exit. What it is measured by must be known: else no sample.

    `notional` and `fee_usd` in USD.
    """
    if notional is None or notional <= ZERO:
        return
    if maker and purpose in (Purpose.ENTRY, Purpose.EXIT):
        stats.way(purpose).filled += notional
    if mid is None or mid <= ZERO or fee_usd is None:
        return
    lost = (price / mid - ONE) * side.sign
    kind = stats.maker if maker else stats.taker
    kind.fills += 1
    kind.notional += notional
    kind.fees += fee_usd
    kind.slippage += lost * notional
    if not maker:
        stats.slips.append((lost / BPS).quantize(_STEP))
        del stats.slips[:-KEPT]


def p90(stats: FillStats) -> Decimal | None:
    """The slippage that nine of ten taking fills stayed within, bps (nearest rank); None = none yet."""
    if not stats.slips:
        return None
    ordered = sorted(stats.slips)
    return ordered[-(-len(ordered) * 9 // 10) - 1]


def allowance(settings: Execution, stats: FillStats | None) -> Decimal:
    """bps a fill is allowed to slip in the sizing: the setting, or the measured p90 when that is larger."""
    measured = p90(stats) if stats is not None else None
    least = settings.slippage_allowance
    return least if measured is None else max(least, measured)


def expected(settings: Execution, stats: FillStats | None) -> FillCosts:
    """What the entry rule may count on. Before `maker_sample` attempts one way, all of that way takes."""
    if stats is None:
        return FillCosts()
    enough = stats.taker.fills >= settings.maker_sample
    maker = stats.maker.slippage_bps
    return FillCosts(
        entry_rest=_believed(settings, settings.entry_style, stats.entry),
        exit_rest=_believed(settings, settings.exit_style, stats.exit),
        maker_slippage=max(maker, ZERO) if maker is not None else ZERO,
        taker_slippage=stats.taker.slippage_bps if enough else None,
    )


def _believed(settings: Execution, style: str, way: Attempts) -> Decimal:
    if style != "maker" or way.attempts < settings.maker_sample:
        return ZERO
    return way.rate or ZERO
