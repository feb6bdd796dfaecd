"""What the funding strategy must do on six recorded venues: an independent count, to be compared with.

Written from SEMANTICS 5 and PARAMETERS alone; it imports nothing of the product and reads the recorded CSVs
itself. Run it: `python tests/strategies/oracle.py FOLDER [MAX_PAIRS]` prints the trades.

The world: BTC perps margined in USDT on six venues, settled rates only, one flat declared price, USDT at par,
2021-01-01 to 2023-12-31. Default costs: taker 5 bps and half a spread of 0.5 bps on each of four fills = 22.

Conventions, where the pages leave room
  * A row's instant is its stamp rounded to the minute. Its rate is visible at that instant, and from then on
    is the prediction for the next settlement, due one stated interval (8 h) later. KuCoin: 04/12/20 UTC.
  * When a leg's next settlement is due and its row does not come (gate, htx have holes), the leg cannot be
    entered and the exits on the spread of its pairs stand still.
  * Smoothed rate, per hour: at each settled row s = s x f + rate x (1 - f), f = 0.5 ^ (hours since the row
    before / 8), begun with the first row of the run; rounded to 14 places. Entry rate: min(smoothed, current)
    for the short, max for the long. Short the higher, long the lower.
  * A pair needs 90 settled rows of each leg (PARAMETERS, persistence sample).
  * The window [120, 3600] s hangs on the leg whose next payment, at its entry rate, is larger in our favour
    (tie: the short); no entry from 120 s before to 60 s after a settlement of either leg.
  * Best net edge first (ties: short's name, then long's). One pair per pair of venues; a perp is never short
    in one pair and long in another. After a close the whole group, here BTC, waits 8 h.
  * Decisions are looked at whenever something can change: window openings, 61 s after a settlement, ends of a
    cooldown, of 24 h below the exit level, of 720 h. Orders fill at once; costs 22 per pair.
  * An opportunity: a pair with spread >= 1 whose legs are not overdue and not near a settlement, once per
    settlement of the anchor.
  * Funding flipped: current spread <= -5 at two settlements in a row of either leg's schedule (the one with
    fewer); below exit level: current spread < 0 for 24 h and at least 3 such settlements. Both run from the
    instant of the rate that made it so. No exit within 60 s of a settlement of either leg.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from heapq import heappop, heappush
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
    mean: Decimal = Decimal(0)
    receives: Decimal = Decimal(0)
    """Entry rate per hour of a short here: the cautious one of smoothed and current."""
    pays: Decimal = Decimal(0)
    """Entry rate per hour of a long here."""

    def due(self) -> int:
        instant, interval, _ = self.rows[self.seen - 1]
        return instant + interval * H

    def interval(self) -> int:
        return self.rows[self.seen - 1][1]

    def current(self) -> Decimal:
        _, interval, rate = self.rows[self.seen - 1]
        return rate / interval

    def take(self) -> None:
        """The next row becomes visible: what was known fades by the time since, the row fills the rest."""
        instant, interval, rate = self.rows[self.seen]
        fade = Decimal(0)
        if self.seen:
            fade = Decimal("0.5") ** (Decimal(instant - self.rows[self.seen - 1][0]) / HALF_LIFE)
        self.mean = self.mean * fade + rate / interval * (1 - fade)
        self.seen += 1
        smoothed, current = round(self.mean, 14), self.current()
        self.receives, self.pays = min(smoothed, current), max(smoothed, current)


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


def read(folder: Path, venue: str, last: int) -> list[tuple[int, int, Decimal]]:
    rows = []
    with (folder / f"{venue}_BTCUSDT_fundingRate.csv").open() as file:
        for line in csv.DictReader(file):
            instant = round(int(line["calc_time"]) / 60_000) * 60
            if FIRST <= instant < last:
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


def readable(leg: Leg, now: int) -> bool:
    """May its rate be looked at now, for an entry?"""
    return leg.seen > 0 and leg.due() > now and not near(leg, now, QUIET_BEFORE_ENTRY, QUIET)


def reading(first: Leg, second: Leg) -> tuple[Decimal, Leg, Leg, Leg] | None:
    """(spread bps/8h, short, long, anchor) of two readable legs where the spread is an opportunity."""
    for short, long in ((first, second), (second, first)):
        receive, pay = short.receives, long.pays
        spread = (receive - pay) * 80_000
        if spread >= MIN_SPREAD:
            anchor = short if receive * short.interval() >= -pay * long.interval() else long
            return spread, short, long, anchor
    return None


def net_edge(short: Leg, long: Leg, now: int) -> Decimal:
    """bps of one leg over the holding time, each leg on its own schedule."""
    income = short.receives * short.interval() * settlements_ahead(short, now)
    income -= long.pays * long.interval() * settlements_ahead(long, now)
    return income * 10_000 * PERSISTENCE - COST - BUFFER


def counted(legs: tuple[Leg, Leg], since: int) -> int:
    """Settlements since, of the leg with fewer (both settle every 8 h)."""
    return min(
        sum(1 for row in leg.rows[max(0, leg.seen - 20) : leg.seen] if row[0] >= since) for leg in legs
    )


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


@dataclass
class Answer:
    trades: list[Trade]
    """In the order of their opening."""
    opportunities: int
    """Pairs with a spread at or above the least, once per settlement of the anchor."""


def run(
    folder: Path,
    max_pairs: int,
    last: int = LAST,
    refused: Callable[[int, str, str], bool] = lambda now, short, long: False,
) -> Answer:
    """`refused(now, short, long)`: no account has room for it at that moment; it was proposed all the same,
    and counts among the open pairs for the rest of that look."""
    legs = {venue: Leg(venue, read(folder, venue, last)) for venue in VENUES}
    pairs = list(combinations(legs.values(), 2))
    instants: set[int] = set()
    for leg in legs.values():
        for instant, interval, _ in leg.rows:
            due = instant + interval * H
            instants |= {instant, instant + 61, due + 61, due - 3600}
    data_end = max(leg.rows[-1][0] for leg in legs.values())
    agenda = sorted(instants)  # a heap: the next instant comes first
    trades: list[Trade] = []
    chances: set[tuple[str, str, int]] = set()
    waiting_until = 0
    with localcontext() as context:
        context.prec = 50
        while agenda:
            now = heappop(agenda)
            while agenda and agenda[0] == now:
                heappop(agenda)
            if now >= last or now > data_end:
                break
            for leg in legs.values():
                if leg.seen < len(leg.rows) and leg.rows[leg.seen][0] <= now:
                    pay_out(leg.venue, leg.rows[leg.seen], trades)
                    leg.take()
            for trade in [trade for trade in trades if trade.closed is None]:
                trade.why = verdict(trade, legs[trade.short], legs[trade.long], now)
                if trade.why:
                    trade.closed, waiting_until = now, now + WAIT
                    heappush(agenda, waiting_until)
                elif trade.below and trade.below + EXIT_HOURS * H > now:
                    heappush(agenda, trade.below + EXIT_HOURS * H)
            offers: list[tuple[Decimal, Leg, Leg]] = []
            open_now = {venue for venue, leg in legs.items() if readable(leg, now)}
            for pair in pairs:
                if not {pair[0].venue, pair[1].venue} <= open_now:
                    continue
                read_now = reading(*pair)
                if read_now is None:
                    continue
                spread, short, long, anchor = read_now
                chances.add((pair[0].venue, pair[1].venue, anchor.due()))
                if not WINDOW[0] <= anchor.due() - now <= WINDOW[1] or min(short.seen, long.seen) < SAMPLE:
                    continue
                edge = net_edge(short, long, now)
                if edge >= EDGE_MULTIPLE * COST and BREAK_EVEN * PERSISTENCE * spread / 8 >= COST:
                    offers.append((edge, short, long))
            offers.sort(key=lambda offer: (-offer[0], offer[1].venue, offer[2].venue))
            in_vain: list[Trade] = []
            for edge, short, long in offers:
                held = [trade for trade in trades if trade.closed is None] + in_vain
                if now < waiting_until or len(held) >= max_pairs:
                    break
                if any({short.venue, long.venue} == {trade.short, trade.long} for trade in held):
                    continue
                if any(short.venue == trade.long or long.venue == trade.short for trade in held):
                    continue
                if refused(now, short.venue, long.venue):
                    in_vain.append(Trade(short.venue, long.venue, now, edge))
                    continue
                trades.append(Trade(short.venue, long.venue, now, edge))
                heappush(agenda, now + MAX_HOLD)
    return Answer(trades, len(chances))


def pay_out(venue: str, row: tuple[int, int, Decimal], trades: list[Trade]) -> None:
    """Whoever holds the position at the instant: a positive rate goes from longs to shorts."""
    for trade in trades:
        if trade.closed is None and venue in (trade.short, trade.long):
            trade.payments.append((row[0], venue, row[2] if venue == trade.short else -row[2]))


def stamp(seconds: int | None) -> str:
    return "open" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def main() -> None:
    answer = run(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    lines = [
        f"{stamp(each.opened)}  {stamp(each.closed)}  {((each.closed or LAST) - each.opened) / H:6.1f} h  "
        f"short {each.short:8} long {each.long:8} {each.net_bps():8.1f} bps  {each.why}"
        for each in answer.trades
    ]
    total = sum(each.net_bps() for each in answer.trades)
    lines.append(f"{len(lines)} entries, net {total:.1f} bps, {answer.opportunities} opportunities")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
