"""A pair ticket's preview: what board, sizing and gate say, what it costs, the books before and after.

It runs between two events and changes nothing; the same functions judge the pair when it is opened.
`After` is every account with both legs filled at their mids and the taker fees paid: the fees are in, the
slippage is told beside them. Costs are those of taking with all four fills, each leg's slippage at this
size and both ways; what rests may cost less.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

from services.desk import gatekeeping, hand, hand_pairs
from services.desk.core import DeskCore
from services.desk.hand_pairs import Judged
from services.desk.submit import Submitter
from services.desk.views.flatten import slippage_bps
from services.desk.views.risk import funding_legs
from services.desk.views.ticket import bound_views
from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.domain.money import BPS, DESK_CONTEXT, ZERO
from services.market.funding import bps_8h
from services.market.legs import LegFacts
from services.portfolio.distance import joint_distance
from services.portfolio.exposure import exposed_coins, total_exposure
from services.portfolio.hypothetical import with_fills
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import account_margin, merge_margins
from services.portfolio.stress import FundingLeg, StressRow, flipped_row, stress_row, stress_table
from services.views.pair_ticket import (
    ChangeView,
    CoinView,
    PairLegView,
    PairTicketView,
    StressPairView,
)
from services.views.ticket import BoundView

BOUNDS = 8
EIGHT = Decimal(8)


def preview_pair(core: DeskCore, submit: Submitter, args: dict[str, str]) -> PairTicketView:
    """Raises TicketError for what cannot be understood."""
    with localcontext(DESK_CONTEXT):
        ticket = hand_pairs.read(core, args)
        return _view(core, hand_pairs.judge(core, submit, ticket))


def _view(core: DeskCore, judged: Judged) -> PairTicketView:
    ticket, row, answer = judged.ticket, judged.row, judged.size
    sized = answer.quantity > ZERO
    params = hand.params(core)
    short = _leg(core, ticket.short, Side.SELL, answer.quantity, judged.facts[0], row.short_hourly)
    long = _leg(core, ticket.long, Side.BUY, answer.second_quantity, judged.facts[1], row.long_hourly)
    fees, slippage = _sum(short.fee, long.fee), _sum(short.slippage, long.slippage)
    costs = _sum(fees, slippage)
    notional = answer.notional if sized else None
    bps = costs / notional / BPS if costs is not None and notional else None
    income = net = even = None
    if notional is not None and row.gross is not None:
        income = row.gross * params.persistence * BPS * notional
        net = None if costs is None else income - costs - row.buffer * BPS * notional
    if bps is not None and row.spread is not None and row.spread > ZERO and params.persistence > ZERO:
        even = bps / (params.persistence * row.spread / EIGHT)
    before = tuple(gatekeeping.accounts(core).values())
    after = _after(core, judged, before) if sized else None
    return PairTicketView(
        ts=core.now,
        group=row.group,
        kind=row.kind,
        short=short,
        long=long,
        asked=ticket.notional,
        notional=notional,
        spread=row.spread,
        apr=row.apr,
        costs=costs,
        costs_bps=bps,
        fees=fees,
        slippage=slippage,
        income=income,
        net=net,
        hold_h=params.hold_h,
        break_even_h=even,
        allowed=not judged.refusals,
        refusals=judged.refusals,
        opinions=judged.opinions,
        bounds=_bounds(judged),
        loss_at_stop=answer.capital_at_risk if sized else None,
        stop_bps=params.pair_stop,
        coins=() if after is None else _coins(core, before, after),
        changes=() if after is None else _changes(core, ticket.short, ticket.long, before, after),
        stress=() if after is None else _stress(core, judged, before, after),
    )


# -- the legs ------------------------------------------------------------------------------------------------


def _leg(
    core: DeskCore, spec: Instrument, side: Side, quantity: Decimal, facts: LegFacts, hourly: Decimal | None
) -> PairLegView:
    price, usd = core.picture.mid(spec.id), core.picture.fresh_index(spec.venue, spec.quote, core.now)
    if not core.picture.quote_fresh(spec.id, core.now):
        price = None
    notional = None if price is None or usd is None or quantity <= ZERO else quantity * price * usd
    ways = [slippage_bps(core, spec.id, way, quantity) for way in (side, side.opposite)]
    taker = spec.taker_fee
    known = [each for each in ways if each is not None]
    slippage = None
    if notional is not None and len(known) == len(ways):
        slippage = notional * sum(known, ZERO) * BPS
    rate = facts.rate
    return PairLegView(
        instrument=spec.id,
        side=side.value,
        quantity=quantity if quantity > ZERO else None,
        price=price,
        notional=notional,
        rate=None if hourly is None else bps_8h(hourly),
        interval_h=None if rate is None else rate.interval_h,
        settles_ns=None if rate is None or rate.next_ts is None else max(0, rate.next_ts - core.now),
        fee=None if notional is None or taker is None else 2 * max(ZERO, taker) * notional,
        slippage=slippage,
        size_increment=spec.size_increment,
        price_increment=spec.price_increment,
    )


def _sum(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    return None if first is None or second is None else first + second


def _bounds(judged: Judged) -> tuple[BoundView, ...]:
    """What each bound of the sizing leaves a leg, the limits of the gate among them, the tightest first."""
    rooms: dict[str, Decimal] = {}
    for name, room in judged.size.bounds:
        rooms[name] = min(max(ZERO, room), rooms.get(name, room))
    notional = judged.size.notional if judged.size.quantity > ZERO else None
    return bound_views(rooms.items(), notional)[:BOUNDS]


# -- before and after ----------------------------------------------------------------------------------------


def _after(core: DeskCore, judged: Judged, before: Sequence[AccountInput]) -> tuple[AccountInput, ...] | None:
    """None without a fresh book to fill at."""
    fills: dict[str, list[tuple[Instrument, Side, Decimal, Decimal]]] = {}
    legs = (
        (judged.ticket.short, Side.SELL, judged.size.quantity),
        (judged.ticket.long, Side.BUY, judged.size.second_quantity),
    )
    for spec, side, quantity in legs:
        price = core.picture.mid(spec.id)
        if price is None or not core.picture.quote_fresh(spec.id, core.now):
            return None
        fills.setdefault(spec.venue, []).append((spec, side, quantity, price))
    return tuple(with_fills(account, fills.get(account.venue, ())) for account in before)


def _coins(
    core: DeskCore, before: Sequence[AccountInput], after: Sequence[AccountInput]
) -> tuple[CoinView, ...]:
    """Every stablecoin whose position-made exposure the pair changes, or that positions expose us to."""
    total = merge_margins(account_margin(account) for account in after).collateral
    limit = None if total is None or total <= ZERO else total * core.settings.gate.max_coin_exposure
    rows = []
    for coin in exposed_coins(after):
        then, now = total_exposure(before, coin).by_positions, total_exposure(after, coin).by_positions
        if then == ZERO and now == ZERO:
            continue
        change = None if then is None or now is None else now - then
        rows.append(CoinView(coin=coin, pair=change, before=then, after=now, limit=limit))
    return tuple(rows)


def _changes(
    core: DeskCore,
    short: Instrument,
    long: Instrument,
    before: Sequence[AccountInput],
    after: Sequence[AccountInput],
) -> tuple[ChangeView, ...]:
    """Leverage over all; usages and liquidation distance of the accounts that the pair stands on."""
    gate = core.settings.gate
    margins = [{book.venue: account_margin(book) for book in books} for books in (before, after)]
    levers = [merge_margins(each.values()).leverage for each in margins]
    rows = [_change("leverage, all accounts", "x", levers, gate.portfolio_leverage)]
    for venue in dict.fromkeys((short.venue, long.venue)):
        if venue not in margins[0]:
            continue
        usages = [each[venue].initial_usage for each in margins]
        rows.append(_change(f"initial usage, {venue}", "fraction", usages, gate.max_initial_usage))
        usages = [each[venue].usage for each in margins]
        rows.append(_change(f"margin usage, {venue}", "fraction", usages, gate.max_margin_usage))
        away = [joint_distance(book) for books in (before, after) for book in books if book.venue == venue]
        least = gate.min_joint_distance
        rows.append(_change(f"liquidation away, {venue}", "fraction", away, least, floor=True))
    return tuple(rows)


def _change(
    name: str, unit: str, values: Sequence[Decimal | None], limit: Decimal, *, floor: bool = False
) -> ChangeView:
    return ChangeView(name=name, unit=unit, before=values[0], after=values[1], limit=limit, floor=floor)


def _stress(
    core: DeskCore, judged: Judged, before: Sequence[AccountInput], after: Sequence[AccountInput]
) -> tuple[StressPairView, ...]:
    """The stress table with the pair open, each row beside the same shock on the books as they are."""
    held = funding_legs(core)
    mine = [
        _funding_leg(core, judged.facts[0], -judged.size.quantity),
        _funding_leg(core, judged.facts[1], judged.size.second_quantity),
    ]
    rows = []
    for row in stress_table(after, None, [*held, *mine]):
        shock = row.shock
        then = flipped_row(before, held) if shock is None else stress_row(row.name, before, shock)
        rows.append(_pair_row(row, then))
    return tuple(_ranked(rows))


def _funding_leg(core: DeskCore, facts: LegFacts, size: Decimal) -> FundingLeg:
    spec, rate = facts.instrument, facts.rate
    return FundingLeg(
        pair=hand_pairs.ASKED,
        venue=spec.venue,
        settle=spec.settle,
        size=size,
        price=core.picture.mark(spec.id),
        rate=None if rate is None else rate.rate,
        interval_h=None if rate is None else rate.interval_h,
    )


def _pair_row(row: StressRow, then: StressRow) -> StressPairView:
    return StressPairView(
        name=row.name,
        change_before=then.equity_change,
        change_after=row.equity_change,
        usage_before=then.usage,
        usage_after=row.usage,
        infinite_before=then.infinite,
        infinite_after=row.infinite,
    )


def _ranked(rows: Iterable[StressPairView]) -> list[StressPairView]:
    """The worst combination, then what each coin does at its hardest, then the rest: where a screen is small
    the first ones show. The order never moves with the figures."""
    return sorted(rows, key=lambda row: (not row.name.startswith("worst"), "−10 %" not in row.name))
