"""What the funding strategy must do on six recorded venues: an independent count, to be compared with.

Written from SEMANTICS 5 and PARAMETERS alone; it imports nothing of the product and reads the recorded CSVs
itself. Run it: `python tests/strategies/oracle.py FOLDER [MAX_PAIRS]` prints the trades.

The world: BTC perps margined in USDT on six venues, settled rates only, one flat declared price, USDT at par,
2021-01-01 to 2023-12-31. Default costs: taker 5 bps and half a spread of 0.5 bps on each of four fills = 22.

Conventions, where the pages leave room
  * A row's instant is its stamp rounded to the minute. Its rate is visible at that instant, and from then on is
    the prediction for the next settlement, due one stated interval (8 h) later. KuCoin: 04/12/20 UTC.
  * When a leg's next settlement is due and its row does not come (gate, htx have holes), the leg cannot be
    entered and the exits on the spread of its pairs stand still.
  * Smoothed rate: weights 0.5 ^ (age / 8 h) over all settled rows from the start of the run, age counted
    from the last row, per hour, rounded to 14 places. Entry rate: min(smoothed, current) for the short, max
    for the long. Short the higher, long the lower.
  * A pair needs 90 settled rows of each leg (PARAMETERS, persistence sample).
  * The window [120, 3600] s hangs on the leg whose next payment, at its entry rate, is larger in our favour
    (tie: the short); no entry from 120 s before to 60 s after a settlement of either leg.
  * Best net edge first (ties: short's name, then long's). One pair per pair of venues; a perp is never short in
    one pair and long in another. After a close the whole group, here BTC, waits 8 h.
  * Decisions are looked at whenever something can change: window openings, 61 s after a settlement, ends of a
    cooldown, of 24 h below the exit level, of 720 h. Orders fill at once; costs 22 per pair.
  * Funding flipped: current spread <= -5 at two settlements in a row of either leg's schedule (the one with
    fewer); below exit level: current spread < 0 for 24 h and at least 3 such settlements. Both run from the
    instant of the rate that made it so. No exit within 60 s of a settlement of either leg.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from itertools import combinations
from pathlib import Path

VENUES = ("binance", "bybit", "gate", "htx", "kucoin", "mexc")
FIRST = int(datetime(2021, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
H = 3600

COST = Decimal(4) * (Decimal(5) + Decimal("0.5"))
BUFFER = Decimal(5)
MIN_SPREAD = Decimal(1)
HOLD = 72
PERSISTENCE = Decimal("0.5")
EDGE_MULTIPLE = Decimal("0.5")
BREAK_EVEN = 48
HALF_LIFE = 8 * H
SAMPLE = 90
WINDOW = (120, 3600)
QUIET_BEFORE_ENTRY, QUIET = 120, 60
EXIT_LEVEL, EXIT_HOURS, EXIT_SETTLEMENTS = Decimal(0), 24, 3
FLIP, FLIP_SETTLEMENTS = Decimal(-5), 2
MAX_HOLD = 720 * H
WAIT = 8 * H


@dataclass
class Leg:
    """What one venue's file says up to now."""

    venue: str
    rows: list[tuple[int, int, Decimal]]
    """(instant s, interval h, rate), all of it; only the first `seen` may be looked at."""
    seen: int = 0
    smooth_key: int = -1
    smooth: Decimal = Decimal(0)

    def due(self) -> int:
        instant, interval, _ = self.rows[self.seen - 1]
        return instant + interval * H

    def interval(self) -> int:
        return self.rows[self.seen - 1][1]

    def current(self) -> Decimal:
        _, interval, rate = self.rows[self.seen - 1]
        return rate / interval

    def smoothed(self) -> Decimal:
        if self.smooth_key != self.seen:
            top = bottom = Decimal(0)
            latest = self.rows[self.seen - 1][0]
            for instant, interval, rate in self.rows[max(0, self.seen - 120) : self.seen]:
                weight = Decimal("0.5") ** (Decimal(latest - instant) / HALF_LIFE)
                top += weight * rate / interval
                bottom += weight
            self.smooth, self.smooth_key = round(top / bottom, 14), self.seen
        return self.smooth


@dataclass
class Trade:
    short: str
    long: str
    opened: int
    edge: Decimal
    closed: int | None = None
    why: str = ""
    payments: list[tuple[int, str, Decimal]] = field(default_factory=list)
    """(instant, venue, what one leg-notional received, as a fraction)."""
    below: int | None = None
    flipped: int | None = None

    def net_bps(self) -> Decimal:
        return sum((amount for _, _, amount in self.payments), Decimal(0)) * 10_000 - COST


def read(folder: Path, venue: str) -> list[tuple[int, int, Decimal]]:
    rows = []
    with (folder / f"{venue}_BTCUSDT_fundingRate.csv").open() as file:
        for line in csv.DictReader(file):
            instant = round(int(line["calc_time"]) / 60_000) * 60
            if FIRST <= instant < LAST:
                hours = int(line["funding_interval_hours"])
                rows.append((instant, hours, Decimal(line["last_funding_rate"])))
    return rows


def settlements_ahead(leg: Leg, now: int) -> int:
    """Of (now, now + H], on the leg's own schedule."""
    count, instant = 0, leg.due()
    while instant <= now + HOLD * H:
        count += instant > now
        instant += leg.interval() * H
    return count


def near(leg: Leg, now: int, before: int, after: int) -> bool:
    return leg.due() - before <= now <= leg.due() + after or now <= leg.due() - leg.interval() * H + after


def offer(first: Leg, second: Leg, now: int) -> tuple[Decimal, Leg, Leg] | None:
    """(net edge, short, long) when every rule of entry but those of our own book is met."""
    for leg in (first, second):
        if leg.seen < SAMPLE or leg.due() <= now or near(leg, now, QUIET_BEFORE_ENTRY, QUIET):
            return None
    for short, long in ((first, second), (second, first)):
        receive = min(short.smoothed(), short.current())
        pay = max(long.smoothed(), long.current())
        if (receive - pay) * 80_000 < MIN_SPREAD:
            continue
        income = receive * short.interval() * settlements_ahead(short, now)
        income -= pay * long.interval() * settlements_ahead(long, now)
        edge = income * 10_000 * PERSISTENCE - COST - BUFFER
        anchor = short if receive * short.interval() >= -pay * long.interval() else long
        if (
            edge >= EDGE_MULTIPLE * COST
            and COST <= BREAK_EVEN * PERSISTENCE * (receive - pay) * 10_000
            and WINDOW[0] <= anchor.due() - now <= WINDOW[1]
        ):
            return edge, short, long
    return None


def counted(legs: tuple[Leg, Leg], since: int) -> int:
    """Settlements since, of the leg with fewer (both settle every 8 h)."""
    return min(sum(1 for row in leg.rows[max(0, leg.seen - 20) : leg.seen] if row[0] >= since) for leg in legs)


def verdict(trade: Trade, short: Leg, long: Leg, now: int) -> str:
    """The exit that is due at `now`, by name; keeps the trade's clocks."""
    if near(short, now, QUIET, QUIET) or near(long, now, QUIET, QUIET):
        return ""
    if short.due() > now and long.due() > now:
        spread = (short.current() - long.current()) * 80_000
        since = max(short.rows[short.seen - 1][0], long.rows[long.seen - 1][0])
        trade.below = (trade.below or since) if spread < EXIT_LEVEL else None
        trade.flipped = (trade.flipped or since) if spread <= FLIP else None
        if trade.flipped and counted((short, long), trade.flipped) >= FLIP_SETTLEMENTS:
            return "funding flipped"
        if (
            trade.below
            and now - trade.below >= EXIT_HOURS * H
            and counted((short, long), trade.below) >= EXIT_SETTLEMENTS
        ):
            return "spread below exit level"
    return "max hold" if now - trade.opened >= MAX_HOLD else ""


def run(folder: Path, max_pairs: int) -> list[Trade]:
    """All trades in the order of their opening."""
    legs = {venue: Leg(venue, read(folder, venue)) for venue in VENUES}
    instants: set[int] = set()
    for leg in legs.values():
        for instant, interval, _ in leg.rows:
            due = instant + interval * H
            instants |= {instant, instant + 61, due + 61, due - 3600}
    agenda = sorted(instants, reverse=True)
    trades: list[Trade] = []
    waiting_until = 0
    with localcontext() as context:
        context.prec = 50
        while agenda:
            now = agenda.pop()
            while agenda and agenda[-1] == now:
                agenda.pop()
            if now >= LAST:
                break
            for leg in legs.values():
                if leg.seen < len(leg.rows) and leg.rows[leg.seen][0] <= now:
                    instant, _, rate = leg.rows[leg.seen]
                    for trade in trades:
                        if trade.closed is None and leg.venue in (trade.short, trade.long):
                            amount = rate if leg.venue == trade.short else -rate
                            trade.payments.append((instant, leg.venue, amount))
                    leg.seen += 1
            if any(leg.seen == 0 for leg in legs.values()):
                continue
            open_trades = [trade for trade in trades if trade.closed is None]
            for trade in open_trades:
                trade.why = verdict(trade, legs[trade.short], legs[trade.long], now)
                if trade.why:
                    trade.closed, waiting_until = now, now + WAIT
                    agenda.append(waiting_until)
            agenda.sort(reverse=True)
            if now < waiting_until:
                continue
            offers = [found for pair in combinations(legs.values(), 2) if (found := offer(*pair, now))]
            offers.sort(key=lambda found: (-found[0], found[1].venue, found[2].venue))
            for edge, short, long in offers:
                held = [trade for trade in trades if trade.closed is None]
                if len(held) >= max_pairs:
                    break
                if any({short.venue, long.venue} == {trade.short, trade.long} for trade in held):
                    continue
                if any(short.venue == trade.long or long.venue == trade.short for trade in held):
                    continue
                trades.append(Trade(short.venue, long.venue, now, edge))
                agenda.append(now + MAX_HOLD)
            agenda.sort(reverse=True)
    return trades


def stamp(seconds: int | None) -> str:
    return "open" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


if __name__ == "__main__":
    found = run(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for each in found:
        hours = ((each.closed or LAST) - each.opened) / H
        print(  # noqa: T201
            f"{stamp(each.opened)}  {stamp(each.closed)}  {hours:6.1f} h  short {each.short:8} long {each.long:8}"
            f" {each.net_bps():8.1f} bps  {each.why}"
        )
    print(len(found), "entries, net", round(sum(each.net_bps() for each in found), 1), "bps")  # noqa: T201
