"""Funding rates of the synthetic market: back-fill, what each interval settles at, and its prediction.

Premiums move hour by hour (`fair`). A venue that settles every n hours settles the rate of the average
premium of its n hours. Its prediction inside the interval is the rate of the average so far, weighted by the
share of the interval that has passed, with a little noise that dies out: it converges to what is settled. A
scenario's regime overrides both sides of the comparison with round figures.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from msgspec import Struct, field

from services.domain.enums import RateKind
from services.domain.events import RateRow
from services.domain.instrument import Instrument
from services.venues.sim import fair
from services.venues.sim.facts import HOUR_NS, MINUTE_NS, NS, interval_hours
from services.venues.sim.scenarios import Scenario

BACKFILL_HOURS = 30 * 24
PREDICTION_NOISE = 0.6
"""bps of premium, standard deviation at the start of an hour."""


class PremiumState(Struct):
    """Where the premiums stand: the last full hour's, and the one this hour is heading for."""

    size: float = 0.0
    common: dict[str, float] = field(default_factory=dict)
    """By symbol: what the venues share."""
    own: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    coming: dict[str, float] = field(default_factory=dict)
    summed: dict[str, float] = field(default_factory=dict)
    """Sum of the full hours of the running interval, by instrument."""
    hours: dict[str, int] = field(default_factory=dict)


class FundingModel:
    """All perps of a generated world. `state` at a full hour is all that has to be kept."""

    def __init__(self, scenario: Scenario, instruments: tuple[Instrument, ...], start: int) -> None:
        """`start`: the world's, ns. A served market begins now and not at its scenario's own instant."""
        self.scenario = scenario
        self.start = start
        self.perps = tuple(i for i in instruments if interval_hours(i))
        self._plan = [_Perp(i, scenario) for i in self.perps]
        self._names = [i.id for i in self.perps]
        self.state = PremiumState()

    def backfill(self, rng: Random) -> dict[str, list[RateRow]]:
        """Thirty days of settled rates up to the start; leaves the premiums where the run begins."""
        out: dict[str, list[RateRow]] = {i.id: [] for i in self.perps}
        state = self.state
        state.size = rng.gauss(0.0, fair.VOLATILITY_SPREAD)
        for instrument in self.perps:
            if instrument.symbol not in state.common:
                state.common[instrument.symbol] = rng.gauss(0.0, 1.0)
            state.own[instrument.id] = rng.gauss(0.0, 1.0)
            state.last[instrument.id] = state.coming[instrument.id] = fair.PREMIUM_MEAN
            state.summed[instrument.id], state.hours[instrument.id] = 0.0, 0
        last_hour = self.start // HOUR_NS
        first_hour = last_hour - BACKFILL_HOURS
        for hour in range(first_hour + 1, last_hour + 1):
            for row in self.settle(hour * HOUR_NS, rng):
                out[row.instrument].append(row)
        return out

    def settle(self, ts: int, rng: Random) -> list[RateRow]:
        """At a full hour: close the hour for everyone, settle whose interval ends, draw the next hour."""
        state = self.state
        last, coming, summed, counted = state.last, state.coming, state.summed, state.hours
        rows: list[RateRow] = []
        hour = ts // HOUR_NS
        for perp in self._plan:
            key = perp.id
            last[key] = premium = coming[key]
            summed[key] += premium
            counted[key] += 1
            if hour % perp.hours == 0:
                rate = self._rate(perp, summed[key] / counted[key], ts - 1)
                rows.append(
                    RateRow(key, rate, perp.interval_h, RateKind.SETTLED, ts, perp.next_settlement(ts))
                )
                summed[key], counted[key] = 0.0, 0
        self._turn(rng)
        return rows

    def predict(self, ts: int, rng: Random) -> dict[str, RateRow]:
        """What each running interval would settle at, as computed at `ts`."""
        state = self.state
        share = (ts % HOUR_NS) / HOUR_NS
        rows: dict[str, RateRow] = {}
        for perp in self._plan:
            key = perp.id
            noise = rng.gauss(0.0, PREDICTION_NOISE) * (1.0 - share)
            present = state.last[key] + (state.coming[key] - state.last[key]) * share + noise
            passed = state.hours[key] + share
            # An interval that has just begun knows nothing but the present premium.
            average = (state.summed[key] + present * share) / passed if passed > 0 else present
            rate = self._rate(perp, average, ts)
            rows[key] = RateRow(key, rate, perp.interval_h, RateKind.PREDICTED, ts, perp.next_settlement(ts))
        return rows

    def _turn(self, rng: Random) -> None:
        state = self.state
        state.size = fair.turn_size(state.size, rng)
        fair.turn_waves(state.common, list(state.common), rng)
        fair.turn_waves(state.own, self._names, rng)
        reach, common, own, coming = fair.reaches(state.size), state.common, state.own, state.coming
        for perp in self._plan:
            coming[perp.id] = fair.premium_of(reach, common[perp.symbol], own[perp.id])

    def _rate(self, perp: _Perp, premium: float, ts: int) -> Decimal:
        if perp.regimes:
            offset = (ts - self.start) // NS
            for begin, end, extra in perp.regimes:
                if begin <= offset < end:
                    return fair.rate_decimal(fair.INTEREST + extra, perp.hours)
        return fair.rate_decimal(fair.funding_of_premium(premium), perp.hours)


class _Perp:
    """What is the same at every settlement of one perp."""

    __slots__ = ("hours", "id", "interval_h", "interval_ns", "regimes", "symbol")

    def __init__(self, instrument: Instrument, scenario: Scenario) -> None:
        self.id, self.symbol = instrument.id, instrument.symbol
        self.hours = interval_hours(instrument)
        self.interval_h, self.interval_ns = Decimal(self.hours), self.hours * HOUR_NS
        self.regimes = [
            (each.begin_s, each.end_s, each.spread * 8 if instrument.venue == each.venue else 0.0)
            for each in scenario.regimes
            if instrument.underlying in each.underlyings
        ]

    def next_settlement(self, ts: int) -> int:
        """The first settlement instant strictly after `ts`: whole intervals from 00:00 UTC."""
        return (ts // self.interval_ns + 1) * self.interval_ns


def next_minute(ts: int) -> int:
    return (ts // MINUTE_NS + 1) * MINUTE_NS
