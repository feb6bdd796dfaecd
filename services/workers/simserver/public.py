"""What anybody may ask: markets, futures, books, candles, funding rates, coins."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Any

from services.domain.events import RateRow
from services.domain.instrument import Instrument
from services.venues.sim.depth import levels
from services.venues.sim.facts import WEIGHTS
from services.workers.simserver import shown
from services.workers.simserver.auth import Refused
from services.workers.simserver.candles import RESOLUTIONS
from services.workers.simserver.question import PAGE, Question, spec_of
from services.workers.simserver.tape import Traded

TRADES = 100
"""Trades told at a time where no whole span is named (ftx.md 2)."""


def time(q: Question) -> str:
    """What the venue's clock shows: a fault may have made it jump."""
    return shown.iso(q.seat.exchange.faults(q.venue).stamp(q.house.now))


def markets(q: Question) -> list[Any]:
    return [_market(q, spec) for spec in q.floor.listed.values()]


def market(q: Question) -> Any:
    """Names of spot markets have a slash, so everything after `/markets/` is one name."""
    return _market(q, spec_of(q, q.names["name"]))


def _market(q: Question, spec: Instrument) -> Any:
    return shown.market(q.floor, spec, _traded(q, spec))


def _traded(q: Question, spec: Instrument) -> Traded:
    return q.house.tapes[q.venue].traded(spec, q.house.now)


def orderbook(q: Question) -> Any:
    try:
        depth = int(q.query.get("depth", "20"))
    except ValueError:
        raise Refused(400, "Invalid parameter depth") from None
    spec = spec_of(q, q.names["name"])
    bids, asks = levels(q.floor, spec.id, max(1, min(depth, 100)))
    return {"bids": bids, "asks": asks}


def trades(q: Question) -> list[Any]:
    """What the background trades; fills of an account are its own, and stand in `/fills`."""
    spec = spec_of(q, q.names["name"])
    since, until = q.span()
    rows = (row for row in q.house.tapes[q.venue].since(spec.id, 0) if since <= row.ts <= until)
    most = PAGE if {"start_time", "end_time"} <= q.query.keys() else TRADES
    return [shown.printed(spec, row) for row in islice(rows, most)]


def candles(q: Question) -> list[Any]:
    spec = spec_of(q, q.names["name"])
    text = q.query.get("resolution", "")
    if not text.isdecimal() or int(text) not in RESOLUTIONS:
        raise Refused(400, "Invalid parameter resolution")
    since, until = q.span()
    usd = q.floor.index(spec.quote) if spec.is_perp else Decimal(1)
    return q.candles.rows(spec, int(text), since, until, q.house.tapes[q.venue], usd)


def futures(q: Question) -> list[Any]:
    return [_shown(q, spec) for spec in q.floor.listed.values() if spec.is_perp]


def _shown(q: Question, spec: Instrument) -> Any:
    return shown.future(q.floor, spec, _traded(q, spec), q.house.open_interest(q.venue, spec.id))


def _future(q: Question) -> Instrument:
    name = q.names["name"]
    spec = q.floor.listed.get(f"{name}.{q.venue}")
    if spec is None or not spec.is_perp:
        raise Refused(404, f"No such future: {name}")
    return spec


def future(q: Question) -> Any:
    return _shown(q, _future(q))


def stats(q: Question) -> Any:
    spec = _future(q)
    predicted = q.house.public.exchange.predicted(spec.id)
    return shown.stats(predicted, _traded(q, spec), q.house.open_interest(q.venue, spec.id))


def funding_rates(q: Question) -> list[Any]:
    since, until = q.span()
    wanted = q.query.get("future")
    ids = {spec.id: spec.symbol for spec in q.floor.listed.values() if spec.is_perp}
    if wanted is not None and f"{wanted}.{q.venue}" not in ids:
        raise Refused(404, f"No such future: {wanted}")
    rows: list[RateRow] = [
        row
        for row in q.house.public.exchange.settled_rates()
        if row.instrument in ids
        and (wanted is None or ids[row.instrument] == wanted)
        and since <= row.rate_ts <= until
    ]
    rows.sort(key=lambda row: -row.rate_ts)
    return [
        {"future": ids[row.instrument], "rate": row.rate, "time": shown.iso(row.rate_ts)}
        for row in rows[:PAGE]
    ]


def coins(q: Question) -> list[Any]:
    return [shown.coin(name, q.floor) for name in WEIGHTS]


def nothing(q: Question) -> list[Any]:
    """What the exchange has none of: expired futures, borrow rates, …"""
    return []
