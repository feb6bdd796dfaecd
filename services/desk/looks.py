"""What a strategy on prices sees: quotes and their ages, each coin's way to USD, what lies where."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from services.desk.core import DeskCore
from services.domain.enums import InstrumentKind, Side
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.market.board import HeldPair
from services.market.crossing import Look, coin_key
from services.market.executable import CoinBook, coin_book, coin_pair, side_of
from services.market.inventory import Stock, Transfer, stocks, transfers
from services.settings.cross import Cross
from services.strategies.base import StrategyView
from services.strategies.cross_exchange import KIND

REBALANCE = "rebalance"


def with_prices(core: DeskCore, view: StrategyView, params: Cross) -> StrategyView:
    """The view of a strategy on prices: what two of the profile's venues list, and all that is held."""
    listed = crossable(core)
    return replace(
        view,
        looks=tuple(_look(core, each) for each in listed),
        coins=_coins(core, listed),
        stocks=inventory(core, params),
        held=tuple(
            HeldPair(pair.id, "", pair.short.instrument, pair.long.instrument) for pair in core.pairs.live()
        ),
        step_ns=core.settings.data_step_ns,
    )


def crossable(core: DeskCore) -> tuple[Instrument, ...]:
    """Instruments with a counterpart on another venue of the profile, in the order of the list."""
    mine = [each for each in core.instruments.values() if each.venue in core.settings.venues]
    venues: dict[tuple[InstrumentKind, str], set[str]] = {}
    for each in mine:
        venues.setdefault((each.kind, each.underlying), set()).add(each.venue)
    return tuple(each for each in mine if len(venues[each.kind, each.underlying]) > 1)


def inventory(core: DeskCore, params: Cross) -> tuple[Stock, ...]:
    """The coins that the perps are settled in and, where spot is traded, its own that anybody holds; each on
    the venues where one of them is."""
    ours = core.account_venues()
    listed = [each for each in crossable(core) if each.venue in ours]
    uses = [(each.settle, each.venue) for each in listed if each.is_perp]
    spot = [each for each in listed if params.spot and not each.is_perp]
    settled = dict.fromkeys(coin for coin, _ in uses)
    balances = {}
    for venue in ours:
        account = core.ledger.account(venue)
        read = account.balance_ts
        fresh = read is not None and core.now - read < core.picture.balance_limit_ns
        balances[venue] = account.balances if fresh else None
    out: list[Stock] = []
    uses += [(coin, each.venue) for each in spot for coin in (each.underlying, each.quote)]
    for coin in dict.fromkeys(coin for coin, _ in uses):
        where = {venue: balances[venue] for name, venue in uses if name == coin}
        if coin in settled or any(book is None or book.get(coin, ZERO) for book in where.values()):
            out += stocks(where, (coin,), params.inventory_low)
    return tuple(out)


def suggested(core: DeskCore, rows: tuple[Stock, ...]) -> tuple[Transfer, ...]:
    """The transfers that would mend what runs low, in steps of the coin's lot."""
    lots = {each.underlying: each.size_increment for each in _spot(core)}
    return transfers(rows, lots)


def watch(core: DeskCore) -> None:
    """Raise and resolve the alerts of what runs low; unknown balances change nothing."""
    named = next((each for each in core.settings.strategies.values() if each.kind == KIND), None)
    rows = inventory(core, named.cross) if named is not None and named.enabled else ()
    moves = {(each.coin, each.to): each for each in suggested(core, rows)}
    for row in rows:
        key = f"{REBALANCE}:{row.coin} {row.venue}"
        move = moves.get((row.coin, row.venue))
        if move is not None:
            share = (
                "—" if row.balance is None or not row.target else f"{row.balance / row.target * 100:.0f} %"
            )
            core.hold(
                key,
                None,
                f"{row.coin} on {row.venue} is down to {share} of its target",
                detail="no cross-exchange entry that needs it; nothing is moved by this program",
                do=f"transfer {move.amount:,f} {move.coin} from {move.source} to {move.to} yourself",
            )
        elif row.low is False:
            core.resolve(key)
    if not rows:
        for alert in core.alerts.open():
            if alert.key.startswith(f"{REBALANCE}:"):
                core.resolve(alert.key)


def _look(core: DeskCore, spec: Instrument) -> Look:
    picture, now, name = core.picture, core.now, spec.id
    perp = spec.kind is InstrumentKind.PERP
    quote, stale = picture.quote(name), ""
    if not picture.quote_fresh(name, now):
        stale = "quote"
    elif perp and not picture.mark_fresh(name, now):
        stale = "mark"
    return Look(
        instrument=spec,
        bid=side_of(spec, quote, Side.SELL),
        ask=side_of(spec, quote, Side.BUY),
        age_ns=picture.quote_age(name, now),
        stale=stale,
        quote_usd=picture.fresh_index(spec.venue, spec.quote, now),
        rate=picture.rate(name, now) if perp and picture.rate_fresh(name, now) else None,
    )


def _coins(core: DeskCore, listed: Iterable[Instrument]) -> dict[str, CoinBook]:
    spot = _spot(core)
    out: dict[str, CoinBook] = {}
    for venue, coin in dict.fromkeys((each.venue, each.quote) for each in listed):
        pair = coin_pair(spot, venue, coin)
        quote = None if pair is None else core.picture.quote(pair.id)
        age = None if pair is None else core.picture.quote_age(pair.id, core.now)
        out[coin_key(coin, venue)] = coin_book(pair, venue, coin, quote, age)
    return out


def _spot(core: DeskCore) -> list[Instrument]:
    return [each for each in core.instruments.values() if each.kind is InstrumentKind.SPOT]
