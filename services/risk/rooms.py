"""Exact head-rooms for sizing: how much USD notional each limit of the gate still leaves (SEMANTICS 4.5).

Found on the gate's own functions, so that what is sized here passes there: the limits are measured at no
notional and at a cap; a limit that the cap breaks is bracketed by bisection from below, one that it does not
break is told by a straight line through both, it does not bind. Unknown counts as no room.
"""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import Side
from services.domain.money import BPS, ONE, ZERO
from services.risk.context import Check, GateContext, MarketFacts
from services.risk.inventory import NAME as INVENTORY
from services.risk.inventory import amount, given, lies
from services.risk.limits import portfolio_limits, usd_check
from services.risk.lines import Claim, positive
from services.risk.worst import worst_fill

STEPS = 14
"""Bisection steps: the cap over 16 384, well under a lot's notional."""

FAR = 100
"""A limit with room for this many caps has nothing to do with the question, and is not listed."""

Rooms = tuple[tuple[str, Decimal], ...]
Leg = tuple[str, Side]


def head_rooms(
    ctx: GateContext,
    instrument: str,
    side: Side,
    *,
    cap: Decimal | None = None,
    price_slack: Decimal | None = None,
) -> Rooms:
    """Per limit the USD notional left for one more order. `cap`: more is not asked about (default: the
    order limit). `price_slack`: fraction of adverse limit price to count (default: the last hedge band), so
    that an order sized here still passes at the price it is sent with."""
    limit = ctx.settings.gate.max_order_notional
    top = limit if cap is None else min(cap, limit)
    rooms = _rooms(ctx, ((instrument, side),), top, 1, _slack(ctx, price_slack))
    return (("order notional", limit), *rooms)


def pair_head_rooms(
    ctx: GateContext, short: str, long: str, *, cap: Decimal | None = None, price_slack: Decimal | None = None
) -> Rooms:
    """Per limit the USD notional left per leg for a pair of the two, both legs and one reversal counted."""
    legs = ((short, Side.SELL), (long, Side.BUY))
    top = cap if cap is not None else ctx.settings.gate.default_limit.max_position
    return _rooms(ctx, legs, top, 2, _slack(ctx, price_slack))


def _slack(ctx: GateContext, price_slack: Decimal | None) -> Decimal:
    return ctx.settings.exec.hedge_bands[-1] * BPS if price_slack is None else price_slack


def _rooms(ctx: GateContext, legs: tuple[Leg, ...], cap: Decimal, round_trips: int, slack: Decimal) -> Rooms:
    if not cap.is_finite() or cap <= ZERO:
        return (("cap", ZERO),)
    at_none = _figures(ctx, legs, ZERO, round_trips, slack)
    at_cap = _figures(ctx, legs, cap, round_trips, slack)
    if at_none is None or at_cap is None:
        return (("data fresh", ZERO),)
    seen = {ZERO: at_none, cap: at_cap}
    if not all(check.passed for check in at_cap.values()):
        _narrow(ctx, legs, cap, round_trips, slack, seen)
    rooms = []
    for key in at_cap:
        room = _room(key, seen, cap)
        if room < cap * FAR:
            rooms.append((key, room))
    return tuple(rooms)


def _narrow(
    ctx: GateContext,
    legs: tuple[Leg, ...],
    cap: Decimal,
    round_trips: int,
    slack: Decimal,
    seen: dict[Decimal, dict[str, Check]],
) -> None:
    """Bisect for the largest notional that breaks nothing; every figure met on the way is kept in `seen`."""
    low, high = ZERO, cap
    for _ in range(STEPS):
        middle = (low + high) / 2
        found = _figures(ctx, legs, middle, round_trips, slack)
        if found is None:
            return
        seen[middle] = found
        if all(check.passed for check in found.values()):
            low = middle
        else:
            high = middle


def _room(key: str, seen: dict[Decimal, dict[str, Check]], cap: Decimal) -> Decimal:
    """The largest notional seen at which the check passes, and what a straight line adds up to the next one
    seen; the tightest check has been bisected, so that for it this is exact from below."""
    low, high = -ONE, None
    for notional in sorted(seen):
        check = seen[notional].get(key)
        absent = check is None and notional == ZERO  # nothing of it is open before the question
        if not absent and (check is None or not check.passed):
            high = notional
            break
        low = notional
    if low < ZERO:
        return ZERO
    if high is None:
        return _line(seen[ZERO].get(key), seen[cap].get(key), cap)
    before, after = _head_room(seen[low], key), _head_room(seen[high], key)
    tight = high - low <= cap / 2 ** (STEPS - 1)
    if tight or before is None or after is None or before <= after:
        return low
    return low + (high - low) * before / (before - after)


def _head_room(figures: dict[str, Check], key: str) -> Decimal | None:
    check = figures.get(key)
    return None if check is None else check.head_room


def _line(before: Check | None, at_cap: Check | None, cap: Decimal) -> Decimal:
    """Where a straight line through both figures meets the limit; never under the cap, which passed."""
    if before is None or before.head_room is None or at_cap is None or at_cap.head_room is None:
        return cap * FAR
    fall = before.head_room - at_cap.head_room
    return cap * FAR if fall <= ZERO else max(cap, before.head_room / fall * cap)


def _figures(
    ctx: GateContext, legs: tuple[Leg, ...], notional: Decimal, round_trips: int, slack: Decimal
) -> dict[str, Check] | None:
    """Every value limit with `notional` USD of each leg added; None when a leg cannot be valued."""
    claims = []
    for name, side in legs:
        spec = ctx.instruments.get(name)
        facts = ctx.markets.get(name, MarketFacts())
        mark, usd = positive(facts.mark) if facts.mark_fresh else None, positive(facts.quote_usd)
        if spec is None or mark is None or usd is None:
            return None
        price = mark * (ONE + side.sign * slack)
        # Quantity at the mark, as the sizing makes it of a notional; the dearer limit price counts on top.
        claims.append(Claim(spec, side, notional / (mark * usd), price, False, round_trips))
    worst = worst_fill(ctx, ctx.working, claims)
    symbols = [claim.instrument.symbol for claim in claims]
    checks = {f"{check.name} {check.subject}": check for check in portfolio_limits(ctx, worst, symbols)}
    for name, usd_free in (*_order_caps(ctx, legs), *_inventory_caps(ctx, legs, slack)):
        checks[name] = usd_check(name, "", notional, usd_free)
    return {key: check for key, check in checks.items() if not check.name.startswith("venue share")}


def _inventory_caps(ctx: GateContext, legs: tuple[Leg, ...], slack: Decimal) -> Rooms:
    """Spot is paid from what is there: USD notional of it, at the dearest limit price and with the fee."""
    found: list[tuple[str, Decimal]] = []
    for name, side in legs:
        spec, facts = ctx.instruments[name], ctx.markets.get(name, MarketFacts())
        if spec.is_perp:
            continue
        held, promised = lies(ctx, spec, side, ctx.working)
        mark, usd = positive(facts.mark), positive(facts.quote_usd)
        free = None if held is None or promised is None or not held.is_finite() else held - promised
        one = amount(spec, side, ONE, None if mark is None else mark * (ONE + slack))
        room = ZERO
        if free is not None and one is not None and mark is not None and usd is not None:
            room = max(ZERO, free / one * mark * usd)
        found.append((f"{INVENTORY} {given(spec, side)} {spec.venue}", room))
    return tuple(found)


def _order_caps(ctx: GateContext, legs: tuple[Leg, ...]) -> Rooms:
    """A leg whose account is not known has no room at all."""
    return tuple(
        (f"account {name}", ZERO) for name, _ in legs if ctx.instruments[name].venue not in ctx.accounts
    )
