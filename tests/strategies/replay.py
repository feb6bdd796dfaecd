"""Board and strategy alone over a history: instant fills, no gate, no sizing.

What the desk does around the strategy, at its barest: frames into the picture, `decide` at every data
instant and at every instant it asked for, intents carried out on the spot, the view told of it.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from services.domain.enums import PairState, RateKind
from services.domain.events import MarketFrame, MarkRow, QuoteRow, RateRow
from services.domain.money import DESK_CONTEXT
from services.market.legs import perp_legs
from services.market.picture import MarketPicture
from services.settings.funding import Funding
from services.settings.parameters import Freshness
from services.strategies import funding_arb
from services.strategies.base import ClosePair, Ended, OpenPair, PairFacts, StrategyView
from services.venues.history.history import HistorySource
from services.venues.sim.source import HistoryRow

HOUR = 3_600 * 10**9


@dataclass
class Held:
    id: str
    intent: OpenPair
    opened: int
    closed: int | None = None
    why: str = ""
    payments: list[tuple[int, str, Decimal]] = field(default_factory=list)

    def facts(self) -> PairFacts:
        return PairFacts(
            id=self.id,
            group=self.intent.group,
            short=self.intent.short,
            long=self.intent.long,
            state=PairState.HEDGED,
            opened_ts=self.opened,
            leg_notional=Decimal(10_000),
            price_pnl=Decimal(0),
            entry_basis=Decimal(0),
        )


@dataclass
class Replay:
    source: HistorySource
    params: Funding
    assume_par: tuple[str, ...] = ("USDT",)
    held: list[Held] = field(default_factory=list)
    state: funding_arb.FundingArbState = field(default_factory=funding_arb.FundingArbState)
    calls: int = 0

    def __post_init__(self) -> None:
        self.instruments = {each.id: each for each in self.source.instruments()}
        self.picture = MarketPicture(
            self.instruments, Freshness(), self.source.history.step_ns, self.assume_par
        )
        self._seq = dict.fromkeys(self.source.history.venues, 0)
        self._ended: list[Ended] = []

    def run(self) -> None:
        with decimal.localcontext(DESK_CONTEXT):
            data: int | None = self.source.start
            now = self.source.start
            while data is not None:
                wake = self.state.wake_at
                now = data if wake is None or data <= wake else wake
                if now == data:
                    self._market(now)
                    data = self.source.next_ts(now)
                    if wake != now and wake is not None:
                        continue
                while self._decide(now):
                    pass

    def _market(self, now: int) -> None:
        rows = self.source.rows_at(now)
        for row in rows:
            for pair in self.held:
                if row.rate is not None and pair.closed is None:
                    if row.instrument == pair.intent.short:
                        pair.payments.append((now, row.instrument, row.rate))
                    elif row.instrument == pair.intent.long:
                        pair.payments.append((now, row.instrument, -row.rate))
        for venue in self._seq:
            mine = [row for row in rows if row.instrument.endswith(f".{venue}")]
            if mine:
                self._seq[venue] += 1
                self.picture.apply(_frame(venue, now, self._seq[venue], mine))

    def _decide(self, now: int) -> bool:
        view = StrategyView(
            now=now,
            legs=perp_legs(self.picture, self.instruments, self.params, now),
            pairs=tuple(pair.facts() for pair in self.held if pair.closed is None),
            ended=tuple(self._ended),
            depeg=dict.fromkeys(self.assume_par, "ok"),
            depeg_d=Decimal("0.05"),
        )
        self._ended = []
        self.calls += 1
        intents, self.state = funding_arb.decide(view, self.params, self.state)
        for intent in intents:
            if isinstance(intent, OpenPair):
                self.held.append(Held(f"P-{len(self.held) + 1:02d}", intent, now))
            elif isinstance(intent, ClosePair):
                pair = next(each for each in self.held if each.id == intent.pair)
                pair.closed, pair.why = now, intent.reason
                self._ended.append(Ended(pair=pair.id, group=pair.intent.group, ts=now, failed=False))
        return any(isinstance(intent, OpenPair | ClosePair) for intent in intents)


def _frame(venue: str, now: int, seq: int, rows: list[HistoryRow]) -> MarketFrame:
    priced = [row for row in rows if row.price is not None]
    return MarketFrame(
        venue=venue,
        ts_event=now,
        ts=now,
        seq=seq,
        quotes=tuple(
            QuoteRow(row.instrument, p * (1 - 5e-5), 1.0, p * (1 + 5e-5), 1.0, 10.0, 10.0)
            for row in priced
            if (p := row.price) is not None
        ),
        marks=tuple(MarkRow(row.instrument, p, p) for row in priced if (p := row.price) is not None),
        rates=tuple(
            RateRow(
                row.instrument,
                row.rate,
                row.interval_h,
                RateKind.SETTLED,
                now,
                now + int(row.interval_h * HOUR),
            )
            for row in rows
            if row.rate is not None and row.interval_h is not None
        ),
    )


DECLARED = """
[history]
start = "2021-01-01"
end = "2024-01-01"
"""


def six_venues(folder: Path, target: Path) -> Path:
    """A history.toml over the recorded BTC rates of six venues, at a declared flat price."""
    text = DECLARED
    for venue in ("binance", "bybit", "gate", "htx", "kucoin", "mexc"):
        text += f"""
[[series]]
file = "{folder}/{venue}_BTCUSDT_fundingRate.csv"
kind = "funding"
venue = "{venue}"
symbol = "BTCUSDT"
price = "30000"
"""
    path = target / "history.toml"
    path.write_text(text)
    return path
