"""Each check of the gate as a row: what it limits, where it stands, how much of it is used.

`used` is value / limit. For checks that want at least the limit (liquidation distance, minimum equity) it is
limit / value: longer is always worse. See `tightest`.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import gatekeeping
from services.desk.core import SECOND
from services.desk.views.figures import MILLISECOND, Figures, is_open
from services.domain.enums import TradingState
from services.domain.money import ONE, ZERO
from services.risk.context import Check
from services.views.desk import LimitView

NEAR = Decimal("0.8")
MOST_USED = Decimal(10)
"""A figure at or below zero that should be above a limit has used it up this many times over."""

AT_LEAST = ("liquidation distance", "minimum equity")
_STATE = "state"
_UNRANKED = ("data fresh", "depeg guard", "venue share")
_WHOLE = "all"


def limit_views(figures: Figures) -> tuple[LimitView, ...]:
    """Trading state, data, depeg guards, then the gate's own board, in its order. Once a look."""
    if figures.limits is None:
        figures.limits = _rows(figures)
    return figures.limits


def _rows(figures: Figures) -> tuple[LimitView, ...]:
    board = figures.board()
    return (
        _trading_state(figures),
        _data_fresh(figures),
        *_halted(figures),
        *_guards(figures),
        *figures.cache.made(
            "limit rows", board, lambda: tuple([_view(check) for check in board if check.unit != _STATE])
        ),
    )


def passing(limits: tuple[LimitView, ...]) -> tuple[int, int]:
    """(checks that pass, all checks)."""
    return sum(1 for row in limits if row.level in ("PASS", "OK", "NEAR")), len(limits)


def tightest(limits: tuple[LimitView, ...]) -> tuple[str, Decimal | None]:
    """The limit of the gate's board nearest to binding, and how much of it is used.

    Ages and depegs are questions of their own, a venue's share only warns, and an unknown figure has no rank.
    """
    best: LimitView | None = None
    for row in limits:
        if row.used is None or row.name.startswith(_UNRANKED):
            continue
        if best is None or row.used > (best.used or ZERO):
            best = row
    return ("", None) if best is None else (best.name, best.used)


def _trading_state(figures: Figures) -> LimitView:
    core = figures.core
    state = core.causes.worst()
    causes = "; ".join(f"{cause.name} ({cause.scope}): {core.told(cause)}" for cause in core.causes.causes())
    return LimitView(
        name="trading state",
        value=None,
        limit=None,
        unit=_STATE,
        used=None,
        level="PASS" if state is TradingState.ACTIVE else "STOP",
        text=f"{state.value} {causes}".strip(),
    )


def _data_fresh(figures: Figures) -> LimitView:
    """The oldest venue against the heartbeat; a figure of an account that is stale is over it, too."""
    core = figures.core
    limit = core.picture.stretched(core.settings.fresh.heartbeat_s * SECOND)
    ages = {venue: core.picture.venue_age(venue, figures.now) for venue in core.settings.venues}
    limit_ms = Decimal(limit // MILLISECOND)
    ours = figures.books
    never = [each for each, age in ages.items() if age is None or (each in ours and not is_open(core, each))]
    if never or not ages:
        return LimitView(
            name="data fresh",
            value=None,
            limit=limit_ms,
            unit="ms",
            used=None,
            level="UNKNOWN",
            text=f"no data yet: {', '.join(never) or 'no venue'}",
        )
    known = {venue: age for venue, age in ages.items() if age is not None}
    worst = max(known, key=lambda venue: known[venue])
    value = Decimal(known[worst] // MILLISECOND)
    stale = [
        each
        for each in known
        if (each in ours and figures.stale(each)) or not core.picture.connected(each, figures.now)
    ]
    text = f"{worst} {value:,f} ms of {limit_ms:,f} ms"
    if stale:
        text = f"stale: {', '.join(stale)}; {text}"
    used = value / limit_ms
    return LimitView(
        name="data fresh",
        value=value,
        limit=limit_ms,
        unit="ms",
        used=used,
        level="OVER" if stale or used >= ONE else _near(used),
        text=text,
    )


def _halted(figures: Figures) -> list[LimitView]:
    """Venues where the gate refuses new risk though no cause of the trading state says so."""
    return [
        LimitView(
            name=f"new risk, {venue}",
            value=None,
            limit=None,
            unit=_STATE,
            used=None,
            level="OVER",
            text=f"refused: {why}",
        )
        for venue, why in gatekeeping.halted_venues(figures.core).items()
    ]


def _guards(figures: Figures) -> list[LimitView]:
    """Deviation of each coin that is watched against the level that blocks its entries."""
    core = figures.core
    limit = core.settings.depeg.block
    rows = []
    for coin in core.depeg.state.coins:
        level, value = core.depeg.level(coin), core.depeg.deviation(coin)
        used = None if value is None else value / limit
        word = "UNKNOWN" if level == "unknown" or used is None else _near(used)
        if level in ("block", "reduce"):
            word = "OVER"
        rows.append(
            LimitView(
                name=f"depeg guard, {coin}",
                value=value,
                limit=limit,
                unit="bps",
                used=used,
                level=word,
                text=core.depeg.told(coin),
            )
        )
    return rows


def _view(check: Check) -> LimitView:
    used = _used(check)
    return LimitView(
        name=_name(check),
        value=check.value,
        limit=check.limit,
        unit=check.unit,
        used=used,
        level=_level(check, used),
        text=check.text,
    )


def _used(check: Check) -> Decimal | None:
    value, limit = check.value, check.limit
    if value is None or limit is None:
        return None
    if check.name in AT_LEAST:
        return MOST_USED if value <= ZERO else min(MOST_USED, limit / value)
    return None if limit <= ZERO else value / limit


def _level(check: Check, used: Decimal | None) -> str:
    if check.value is None and (not check.passed or check.warns):
        return "UNKNOWN"
    if not check.passed:
        return "OVER"
    if check.name == "venue share":  # half of the equity on each of two venues is no reason to look
        return "NEAR" if check.warns else "OK"
    return "OK" if used is None else _near(used)


def _near(used: Decimal) -> str:
    return "NEAR" if used >= NEAR else "OK"


_SHORT = {"liquidation distance": "liq. distance", "portfolio leverage": "leverage"}
_WHOLE_NAMES = {"open orders": "open orders", "portfolio leverage": "portfolio leverage"}


def _name(check: Check) -> str:
    """Unique, and short enough for its column: the subject first where it is a coin or a symbol."""
    name, subject = check.name, check.subject
    if name == "order rate":
        return f"orders {subject}"
    if name == "position notional":
        return f"{subject} position"
    first, _, account = subject.partition(" ")
    where = "" if account in ("", _WHOLE) else f", {account}"
    if name == "symbol leverage":
        return f"{first.removesuffix('-PERP')} lev.{where}" if "." not in first else f"{first} lev."
    if name == "coin exposure":
        return f"{first} exposure{where}"
    if subject in ("", _WHOLE):
        return _WHOLE_NAMES.get(name, name)
    return f"{_SHORT.get(name, name)}, {subject}"
