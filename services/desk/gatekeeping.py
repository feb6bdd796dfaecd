"""Builds the one question that the gate is asked, from the desk's books as they stand."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.desk import proofs
from services.desk.core import SECOND, DeskCore
from services.domain.enums import Purpose, Side, TradingState
from services.domain.money import STABLECOINS, ZERO
from services.domain.orders import OrderRequest
from services.execution.pair_legs import excess
from services.market.possible import IMPOSSIBLE
from services.portfolio.account import account_input
from services.portfolio.inputs import AccountInput
from services.risk.context import FOREIGN, AccountFacts, GateContext, MarketFacts, OpenOrder, Stage, Usage

PAIR_TOKENS = 3
"""Orders that a pair under way may have to send within a second: a slice, its hedge, one reversal."""


def accounts(core: DeskCore, *, marks_of_all: bool = True) -> dict[str, AccountInput]:
    """Every account of the profile as it stands; stale figures are None inside. `marks_of_all`: also the
    marks of what is not held, for fills that have not happened."""
    core.books()
    return {
        venue: account_input(
            core.ledger,
            core.picture,
            venue,
            core.instruments,
            core.now,
            listing=core.listing,
            marks_of_all=marks_of_all,
        )
        for venue in core.account_venues()
    }


def coins_of(core: DeskCore, instrument: str) -> tuple[str, ...]:
    """The stablecoins that an instrument hangs on: quote, settle, underlying."""
    spec = core.instruments.get(instrument)
    if spec is None:
        return ()
    coins: list[str] = []
    for coin in (spec.quote, spec.settle, spec.underlying):
        if coin in STABLECOINS and coin not in coins:
            coins.append(coin)
    return tuple(coins)


def strategy_of(origin: str) -> str | None:
    return origin.removeprefix("strategy:") if origin.startswith("strategy:") else None


def state_of(core: DeskCore, instrument: str, origin: str, pair: str | None) -> tuple[TradingState, str]:
    """The worst state over all scopes of an order, and its causes in words."""
    if not core.causes.state.rows:
        return TradingState.ACTIVE, ""
    symbol, _, venue = instrument.rpartition(".")
    causes = core.causes.causes_for(
        venue=venue or None,
        strategy=strategy_of(origin),
        coins=coins_of(core, instrument),
        pair=pair,
        instrument=instrument,
        symbol=symbol or None,
    )
    worst = causes[0].state if causes else TradingState.ACTIVE
    return worst, "; ".join(f"{cause.name}: {core.told(cause)}" for cause in causes)


def market_facts(core: DeskCore, instrument: str) -> MarketFacts:
    """The market of one instrument: last good figures, and whether they are proven."""
    picture, now = core.picture, core.now
    spec = core.instruments[instrument]
    by_quote = marked_by_quote(core, instrument)
    bid, ask = book_of(core, instrument)
    fresh = fresh_mark(core, instrument)
    mark = fresh
    if fresh is None:
        mark = picture.mid(instrument) if by_quote else picture.last_mark(instrument)
    usd = picture.fresh_index(spec.venue, spec.quote, now)
    settle = usd if spec.settle == spec.quote else picture.fresh_index(spec.venue, spec.settle, now)
    return MarketFacts(
        mark=mark,
        bid=bid,
        ask=ask,
        quote_usd=usd,
        settle_usd=settle,
        quote_fresh=picture.quote_fresh(instrument, now),
        mark_fresh=fresh is not None,
        quote_age_ns=picture.quote_age(instrument, now),
        mark_age_ns=(picture.quote_age if by_quote else picture.mark_age)(instrument, now),
        close_only=spec.delisting_ts is not None and now >= spec.delisting_ts - 3_600_000_000_000,
    )


def book_of(core: DeskCore, instrument: str) -> tuple[Decimal | None, Decimal | None]:
    """(bid, ask) as last stated, on the grid."""
    sides = core.picture.sides(instrument)
    if sides is not None:
        return sides.bid, sides.ask
    quote = core.picture.quote(instrument)  # crossed: its prices are possible all the same
    if quote is None or not (0 < quote.bid < IMPOSSIBLE and 0 < quote.ask < IMPOSSIBLE):
        return None, None
    spec = core.instruments[instrument]
    return spec.price_of(quote.bid), spec.price_of(quote.ask)


def marked_by_quote(core: DeskCore, instrument: str) -> bool:
    """Spot of a venue that states no mark for it: half way between bid and ask stands for one."""
    return not core.instruments[instrument].is_perp and core.picture.mark_row(instrument) is None


def fresh_mark(core: DeskCore, instrument: str) -> Decimal | None:
    """The mark while it is proven; of such spot, of a quote that is."""
    picture, now = core.picture, core.now
    if not marked_by_quote(core, instrument):
        return picture.fresh_mark(instrument, now)
    return picture.mid(instrument) if picture.quote_fresh(instrument, now) else None


def account_facts(core: DeskCore, venue: str) -> AccountFacts:
    book = core.state.venues.get(venue)
    if book is None:
        return AccountFacts()
    age = None if book.agreed_ts is None else core.now - book.agreed_ts
    limit = max(core.settings.fresh.balance_ms * 1_000_000, 2 * core.settings.data_step_ns)
    return AccountFacts(
        balances_fresh=age is not None and age < limit,
        balance_age_ns=age,
        connected=core.picture.connected(venue, core.now),
        settled=book.outage_since is None,
        clock_offset_ms=clock_offset(core, venue),
    )


def clock_offset(core: DeskCore, venue: str) -> int | None:
    """ms by which the venue's clock is ahead of ours (< 0: behind); None = not measured, which blocks.

    A venue with a clock of its own is measured by the driver, which tells it (`VenueClock`). In virtual time
    the stamp of the last frame says it: what is behind by less than the warning level is the frame's travel.
    """
    book = core.state.venues.get(venue)
    if book is not None and book.facts is not None and book.facts.own_clock:
        return book.clock_offset_ms
    feed = core.picture.state.feeds.get(venue)
    offset = 0 if feed is None else feed.ahead_ns // 1_000_000
    return 0 if -core.settings.fresh.clock_warn_ms < offset <= 0 else offset


def open_orders(
    core: DeskCore, asked: str = "", only: str | None = None, of: str | None = None
) -> tuple[OpenOrder, ...]:
    """Everything that may still fill: our orders in every stage, foreign ones, the pairs' reservations.

    `asked`: the order in question. Asked about again on `IntentDurable` it stands in the table already, and
    must find its pair's reservation as whole as it was the first time. `only`: on this instrument alone.
    `of`: of reservations those of this pair alone, "" = of none.
    """
    rows: list[OpenOrder] = []
    leaves_by_leg: dict[tuple[str, str], Decimal] = {}
    for entry in core.orders.open_orders(only):
        request = entry.request
        leaves = entry.leaves
        if leaves <= ZERO or core.backstops.waiting(entry.id):
            # A backstop that waits at the venue fills nothing at present prices, and only ever reduces.
            continue
        stage = Stage.WORKING
        if entry.in_doubt:
            stage = Stage.IN_DOUBT
        elif entry.sent is None:
            stage = Stage.QUEUED
        rows.append(
            OpenOrder(
                client_order_id=entry.id,
                instrument=request.instrument,
                side=request.side,
                leaves=leaves,
                price=request.price,
                reduce_only=request.reduce_only,
                purpose=request.purpose,
                origin=request.origin,
                pair=request.pair,
                stage=stage,
            )
        )
        if request.pair is not None and not request.reduce_only and entry.id != asked:
            key = (request.pair, request.instrument)
            leaves_by_leg[key] = leaves_by_leg.get(key, ZERO) + leaves
    rows.extend(_foreign(core, only))
    rows.extend(reservations(core, leaves_by_leg, only, of))
    return tuple(rows)


def _foreign(core: DeskCore, only: str | None) -> list[OpenOrder]:
    return [
        OpenOrder(
            client_order_id=row.client_order_id or row.venue_order_id,
            instrument=row.instrument,
            side=row.side,
            leaves=row.quantity - row.filled,
            price=row.price,
            reduce_only=row.reduce_only,
            purpose=Purpose.TICKET,
            origin=FOREIGN,
        )
        for book in core.state.venues.values()
        for row in book.foreign_orders
        if (only is None or row.instrument == only)
        and row.quantity > row.filled
        and not (row.trigger is not None and row.reduce_only)
    ]


def reservations(
    core: DeskCore, leaves_by_leg: dict[tuple[str, str], Decimal], only: str | None, of: str | None
) -> list[OpenOrder]:
    """The unsent rest of every pair that is still being built, leg by leg."""
    rows: list[OpenOrder] = []
    one = None if of is None else core.pairs.get(of)
    for pair in core.pairs.live() if of is None else () if one is None else (one,):
        if not pair.being_built:
            continue
        for leg in pair.legs:
            if only is not None and leg.instrument != only:
                continue
            rest = leg.target - leg.size - leaves_by_leg.get((pair.id, leg.instrument), ZERO)
            if rest > ZERO:
                rows.append(
                    OpenOrder(
                        client_order_id=f"{pair.id}/{leg.number}",
                        instrument=leg.instrument,
                        side=leg.side,
                        leaves=rest,
                        price=core.picture.mid(leg.instrument),
                        purpose=Purpose.ENTRY,
                        origin=pair.origin,
                        pair=pair.id,
                        stage=Stage.RESERVED,
                    )
                )
    return rows


def alone(core: DeskCore) -> dict[tuple[str, str], Decimal]:
    """Of every pair that changes hands once: what each leg did without the other, signed."""
    found: dict[tuple[str, str], Decimal] = {}
    for pair in core.pairs.live():
        if pair.one_shot:
            heavy, quantity = excess(pair)
            for leg in pair.legs:
                by = quantity * leg.side.sign if leg.number == heavy else ZERO
                found[pair.id, leg.instrument] = by
    return found


def owners(core: DeskCore) -> dict[str, str]:
    """Instrument -> origin of the open position on it: two strategies never share one."""
    found: dict[str, str] = {}
    for pair in core.pairs.live():
        for leg in pair.legs:
            if leg.size > ZERO:
                found.setdefault(leg.instrument, pair.origin)
    return found


def _reserved_tokens(core: DeskCore, pair: str | None) -> int:
    """Rate tokens of the pairs that are being built: both legs and one reversal each (SEMANTICS 3)."""
    return sum(PAIR_TOKENS for each in core.pairs.live() if each.id != pair and each.being_built)


def halted_venues(core: DeskCore) -> dict[str, str]:
    """Where no new risk is taken though no cause says so: too many failed requests, and a clock that has not
    been right for long enough (SEMANTICS 3: self-clearing)."""
    found = core.venue_errors.blocked()
    for venue in core.settings.venues:
        book = core.state.venues.get(venue)
        off = None if book is None else book.clock_off_ts
        if off is not None and core.now - off < core.settings.fresh.self_clear_s * SECOND:
            found.setdefault(venue, "its clock was wrong a moment ago")
    return found


def context(
    core: DeskCore,
    instrument: str,
    side: Side,
    origin: str,
    pair: str | None,
    also: tuple[str, ...] = (),
    asked: str = "",
) -> GateContext:
    """The question about an order of `origin` on `instrument`; `also` names further instruments of it,
    `asked` is the order's id."""
    working = open_orders(core, asked)
    books = accounts(core, marks_of_all=False)
    needed = [instrument, *also]
    needed += [row.instrument for row in working]
    needed += [position.instrument.id for book in books.values() for position in book.positions]
    state, text = state_of(core, instrument, origin, pair)
    for other in also:
        other_state, other_text = state_of(core, other, origin, pair)
        if other_state.rank > state.rank:
            state, text = other_state, other_text
    usage = Usage()
    if instrument in core.instruments:
        usage = core.throttle.usage(origin, instrument, side.value, core.now)
        tokens = usage.last_second + _reserved_tokens(core, pair)
        # A slice repeats nothing: its pair was counted, once, when it was admitted.
        repeats = 0 if pair in core.state.admitted else usage.repeats
        usage = replace(usage, last_second=tokens, repeats=repeats)
    return GateContext(
        now=core.now,
        settings=core.settings,
        instruments=core.instruments,
        accounts=books,
        account_facts={venue: account_facts(core, venue) for venue in core.settings.venues},
        markets={
            name: market_facts(core, name) for name in dict.fromkeys(needed) if name in core.instruments
        },
        working=working,
        trading_state=state,
        state_text=text,
        depeg_levels=core.depeg.levels(),
        usage=usage,
        disabled=core.causes.disabled(),
        owners=owners(core),
        alone=alone(core),
        claimed=core.pairs.claimed(),
        unproven=proofs.unproven(core, instrument),
        halts_venue=halted_venues(core),
    )


def order_context(core: DeskCore, order: OrderRequest) -> GateContext:
    """An entry slice is asked about with the other leg, which its hedge will be on."""
    pair = core.pairs.get(order.pair) if order.pair is not None else None
    also: tuple[str, ...] = ()
    if pair is not None and order.purpose is Purpose.ENTRY:
        also = tuple(leg.instrument for leg in pair.legs if leg.instrument != order.instrument)
    asked = order.client_order_id
    return context(core, order.instrument, order.side, order.origin, order.pair, also=also, asked=asked)
