"""One fill into the books: the ledger, and behind it everything that is figured from a fill.

A hedge may be waiting for the turn of a fill. What nobody decides by (episode, waterfall, statistics, the row
of `trades`) follows in the second half of the turn, in the turn of the fill all the same: the same market,
the same indexes, no other booking in between. The ledger itself follows there too, unless somebody in the
first half needs it: the gate for an order on the same instrument, or any look at an account.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from services.desk import attributing, idle, measuring
from services.desk.core import DeskCore
from services.desk.pair_books import keep_episodes
from services.domain.enums import Severity, TradingState
from services.domain.events import OrderFilled
from services.domain.money import ZERO
from services.domain.records import FillRecord
from services.execution.table import OrderEntry
from services.portfolio.ledger import FillBooked
from services.risk.context import FOREIGN


def may_wait(core: DeskCore, entry: OrderEntry) -> bool:
    """The ledger, for a fill of this order. Its pair counts fills by itself, and while no flatten runs what
    it does next looks at the ledger through the gate alone, which says when it needs it."""
    request = entry.request
    if request.pair is None or request.trigger is not None or core.flattens.running():
        return False
    return core.pairs.get(request.pair) is not None


def book_later(core: DeskCore, fill: OrderFilled, entry: OrderEntry) -> None:
    """A hedge may wait for this fill: the ledger takes it when it is asked, in this very turn."""
    core.put_off(lambda: core.later.appendleft(_booked(core, fill, entry)), fill.instrument)
    core.later.append(core.books)


def book_fill(
    core: DeskCore, fill: OrderFilled, entry: OrderEntry | None, *, late: bool = False
) -> FillBooked:
    """One fill into the ledger, the pair's costs and the table `trades`. Booking twice is harmless.

    `late`: a single fill of ours, which an order may be waiting for. The ledger has it at once; what nobody
    decides by (episode, waterfall, statistics, its record) follows in the second half of the turn.
    """
    keep, booked = _into_ledger(core, fill, entry)
    if late:
        core.later.append(keep)
    else:
        keep()
    return booked


def _booked(core: DeskCore, fill: OrderFilled, entry: OrderEntry) -> Callable[[], None]:
    return _into_ledger(core, fill, entry)[0]


def _into_ledger(
    core: DeskCore, fill: OrderFilled, entry: OrderEntry | None
) -> tuple[Callable[[], None], FillBooked]:
    """(what is left to do, what the ledger did)."""
    before = attributing.holdings(core, fill.venue)
    picture = core.picture
    booked = core.ledger.apply_fill(
        fill,
        core.instruments[fill.instrument],
        picture.settle_usd(fill.instrument),
        picture.quote_usd(fill.instrument),
        picture.index(fill.venue, fill.fee_coin),
    )
    if booked.duplicate:
        return partial(_look, core, fill.venue), booked
    return partial(_keep_fill, core, fill, entry, booked, before), booked


def _look(core: DeskCore, venue: str) -> None:
    attributing.look(core, venue)


def _keep_fill(
    core: DeskCore,
    fill: OrderFilled,
    entry: OrderEntry | None,
    booked: FillBooked,
    before: attributing.Holdings,
) -> None:
    """Everything but the ledger, in the turn of the fill: the same market, the same indexes, and no other
    booking in between."""
    attributing.filled(core, fill, entry, before)
    spec = core.instruments[fill.instrument]
    quote_usd = core.picture.quote_usd(fill.instrument)
    counters = core.state.counters
    counters.fills += 1
    counters.fees += booked.fee_usd if booked.fee_usd is not None else ZERO
    counters.unpriced_fees += booked.fee_usd is None
    if entry is not None:
        idle.traded(core)
        measuring.on_fill(core, fill, entry, booked.fee_usd)
    pair = entry.request.pair if entry is not None else _pair_taken_from(core, fill)
    origin = entry.request.origin if entry is not None else FOREIGN
    closed = core.episodes.fill(
        fill,
        spec,
        pair=pair,
        strategy=origin.removeprefix("strategy:"),
        quote_usd=quote_usd,
        fee_usd=core.picture.index(fill.venue, fill.fee_coin),
        reason=entry.request.reason if entry is not None else FOREIGN,
    )
    episode = core.episodes.id_of(fill.instrument, pair) or (closed[-1].id if closed else "")
    core.record(
        FillRecord(
            ts=fill.ts_event,
            venue=fill.venue,
            account=fill.venue,
            trade_id=fill.trade_id,
            instrument=fill.instrument,
            client_order_id=fill.client_order_id,
            side=fill.side,
            size=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            fee_coin=fill.fee_coin,
            pnl=booked.realised,
            strategy=origin,
            episode_id=episode,
            foreign=entry is None,
            market_conditions=_conditions(entry),
            notional_usd=None if quote_usd is None else fill.quantity * fill.price * quote_usd,
            fee_usd=booked.fee_usd,
            slippage_usd=attributing.slippage(fill, entry, quote_usd),
        )
    )
    keep_episodes(core, closed)
    if fill.liquidation:
        text = f"{fill.venue} liquidated {fill.quantity:,f} {fill.instrument} at {fill.price:,f}"
        core.alert(f"liquidation:{fill.instrument}", Severity.ALARM, text)
        core.raise_cause(
            "liquidation",
            f"venue:{fill.venue}",
            TradingState.REDUCING,
            text,
            severity=Severity.ALARM,
            latched=True,
        )


def _pair_taken_from(core: DeskCore, fill: OrderFilled) -> str | None:
    """A fill that is not ours and takes from a pair's leg (a liquidation, auto-deleveraging, a manual trade)
    belongs to that pair's result: the newest one that holds enough, as `check_legs` cuts the newest."""
    if not core.instruments[fill.instrument].is_perp:
        return None  # out of the inventory: no pair owns any of it
    for pair in reversed(core.pairs.live()):
        for leg in pair.legs:
            takes = leg.instrument == fill.instrument and fill.side is not leg.side
            if takes and leg.size >= fill.quantity:
                return pair.id
    return None


def _conditions(entry: OrderEntry | None) -> str:
    if entry is None:
        return "foreign"
    mid = entry.request.decided_mid
    return (
        f"mid {mid if mid is not None else 'unknown'}; {entry.request.purpose.value}; {entry.request.reason}"
    )
