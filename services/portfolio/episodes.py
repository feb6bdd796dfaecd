"""Closed trades: a position from flat to flat, or a pair (SEMANTICS 11).

Average cost inside an episode; a flip closes one and opens the next. Each flow becomes USD at the index of
its instant. A flow whose index was unknown then waits for the next known one (`price`), and its episode
closes no earlier: a report never holds a guess. A pair's episode is made of the pair's own fills only, so
foreign trades on the same symbol stay out of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import Side
from services.domain.events import FundingSettled, OrderFilled
from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.domain.records import EpisodeRecord
from services.portfolio.average_cost import Step, book


class LegBook(Struct):
    """The episode's own size and average entry on one instrument."""

    size: Decimal = ZERO
    entry: Decimal = ZERO


class WaitingFlow(Struct):
    """A flow that has no dollar value yet."""

    kind: str
    """`price`, `funding` or `fees`."""
    coin: str
    amount: Decimal


class OpenEpisode(Struct):
    """What an open position or pair has brought so far, USD."""

    id: str
    kind: str
    """`pair` or `position`."""
    strategy: str
    hedge_group: str
    instruments: list[str]
    opened_ts: int
    capital_at_risk: Decimal
    notional: Decimal = ZERO
    """Largest leg notional."""
    price_pnl: Decimal = ZERO
    funding: Decimal = ZERO
    fees: Decimal = ZERO
    legs: dict[str, LegBook] = field(default_factory=dict)
    waiting: list[WaitingFlow] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    """`instrument|instant` of settlements it was held at whose row has not come."""
    closed_ts: int | None = None
    reason: str = ""


class EpisodesState(Struct):
    open: dict[str, OpenEpisode] = field(default_factory=dict)
    """Positions by instrument id, pairs by pair id."""
    closing: list[OpenEpisode] = field(default_factory=list)
    """Closed, with flows that still wait for an index, or settlements whose row has not come."""
    counts: dict[str, int] = field(default_factory=dict)
    """Position episodes so far, by instrument."""


class EpisodeBook:
    """Open episodes, and the records of those that close."""

    def __init__(self, state: EpisodesState | None = None) -> None:
        self.state = state if state is not None else EpisodesState()

    def open_pair(
        self,
        pair: str,
        *,
        strategy: str,
        hedge_group: str,
        instruments: tuple[str, ...],
        now: int,
        capital_at_risk: Decimal,
    ) -> None:
        """A pair's episode begins with its plan, so that fees of a failed attempt have a place."""
        if pair not in self.state.open:
            self.state.open[pair] = OpenEpisode(
                id=pair,
                kind="pair",
                strategy=strategy,
                hedge_group=hedge_group,
                instruments=list(instruments),
                opened_ts=now,
                capital_at_risk=capital_at_risk,
            )

    def hold(self, pair: str, instrument: str, size: Decimal, entry: Decimal) -> None:
        """What a pair held when its episode begins: `size` signed, entered at `entry`."""
        self.state.open[pair].legs[instrument] = LegBook(size, entry)

    def fill(
        self,
        fill: OrderFilled,
        instrument: Instrument,
        *,
        pair: str | None,
        strategy: str,
        quote_usd: Decimal | None,
        fee_usd: Decimal | None,
        reason: str = "",
        capital_at_risk: Decimal = ZERO,
    ) -> tuple[EpisodeRecord, ...]:
        """Book a fill that the ledger took for the first time; the records of episodes it closed.

        `quote_usd`: index of the quote coin, `fee_usd`: index of the fee coin, both at this instant.
        Spot fills are conversions of balances and no episode, but for a pair's.
        """
        if not instrument.is_perp and (pair is None or pair not in self.state.open):
            return ()
        change = fill.quantity if fill.side is Side.BUY else -fill.quantity
        if pair is not None and pair in self.state.open:
            episode = self.state.open[pair]
            self._book(episode, fill, instrument, change, fill.fee, quote_usd, fee_usd)
            return ()
        episode = self._position(instrument, strategy, fill.ts_event, capital_at_risk)
        held = episode.legs[instrument.id].size
        if held != ZERO and (held > ZERO) != (change > ZERO) and abs(change) > abs(held):
            first_fee = fill.fee * abs(held) / abs(change)
            self._book(episode, fill, instrument, -held, first_fee, quote_usd, fee_usd)
            closed = self._close(instrument.id, fill.ts_event, reason or "flip")
            episode = self._position(instrument, strategy, fill.ts_event, capital_at_risk)
            self._book(episode, fill, instrument, change + held, fill.fee - first_fee, quote_usd, fee_usd)
            return closed
        step = self._book(episode, fill, instrument, change, fill.fee, quote_usd, fee_usd)
        return self._close(instrument.id, fill.ts_event, reason or "closed") if step.size == ZERO else ()

    def funding(self, payment: FundingSettled, coin_usd: Decimal | None, pair: str | None = None) -> None:
        """Book a payment on the episode that it is owed to, closed or not: a pair's, else a position's."""
        owner, key = pair if pair is not None else payment.instrument, _settlement(payment)
        episode = self.state.open.get(owner)
        for closed in self.state.closing:
            if key in closed.owed and _owner(closed) == owner:
                episode = closed
        if episode is not None and episode.opened_ts <= payment.ts_event:
            _flow(episode, "funding", payment.coin, payment.amount, coin_usd)

    def owe(self, key: str, owners: Iterable[str]) -> None:
        """A settlement instant has come: the episodes of these pairs and instruments end with its row."""
        for owner in owners:
            episode = self.state.open.get(owner)
            if episode is not None:
                episode.owed.append(key)

    def told(self, key: str) -> tuple[EpisodeRecord, ...]:
        """The row of this settlement has come, or is waited for no longer; the records of episodes that it
        held up."""
        for episode in (*self.state.open.values(), *self.state.closing):
            if key in episode.owed:
                episode.owed.remove(key)
        return self._complete()

    def exchange(self, pair: str, *legs: tuple[Instrument, Decimal | None]) -> None:
        """Spot sold on one venue and bought on another: what both legs did stands against each other at their
        average prices. What one did alone beside it stays in the inventory at what it cost. Each leg with the
        index of its quote coin; called before `close_pair`.
        """
        episode = self.state.open.get(pair)
        if episode is None:
            return
        books = [(episode.legs.get(spec.id, LegBook()), spec, usd) for spec, usd in legs]
        both = min(abs(leg.size) for leg, _, _ in books)
        for leg, spec, usd in books:
            moved = both.copy_sign(leg.size)
            leg.size -= moved
            if moved != ZERO:
                _flow(episode, "price", spec.quote, -moved * leg.entry, usd)

    def close_pair(
        self, pair: str, now: int, reason: str, filled: Decimal = ONE
    ) -> tuple[EpisodeRecord, ...]:
        """The pair is flat; a pair that never filled and cost nothing leaves no record. `filled`: the share
        of its plan that was entered, in [0, 1]: no more of the capital was at risk."""
        episode = self.state.open.get(pair)
        if episode is None:
            return ()
        untouched = not episode.legs and not episode.waiting and episode.fees == ZERO
        if untouched and episode.funding == ZERO:
            del self.state.open[pair]
            return ()
        episode.capital_at_risk *= filled
        return self._close(pair, now, reason)

    def price(self, coin: str, coin_usd: Decimal) -> tuple[EpisodeRecord, ...]:
        """An index became known: value what waited for it; the records of episodes that it held up."""
        for episode in (*self.state.open.values(), *self.state.closing):
            if episode.waiting:
                waiting, episode.waiting = episode.waiting, []
                for flow in waiting:
                    known = coin_usd if flow.coin == coin else None
                    _flow(episode, flow.kind, flow.coin, flow.amount, known)
        return self._complete()

    def waiting_coins(self) -> tuple[str, ...]:
        """Coins whose index some flow waits for."""
        coins: dict[str, None] = {}
        for episode in (*self.state.open.values(), *self.state.closing):
            for flow in episode.waiting:
                coins[flow.coin] = None
        return tuple(coins)

    def id_of(self, instrument: str, pair: str | None) -> str:
        """The id of the open episode that a fill belongs to; empty when there is none."""
        episode = self.state.open.get(pair) if pair is not None else None
        if episode is None:
            episode = self.state.open.get(instrument)
        return "" if episode is None else episode.id

    def _complete(self) -> tuple[EpisodeRecord, ...]:
        done = [each for each in self.state.closing if not each.waiting and not each.owed]
        self.state.closing = [each for each in self.state.closing if each.waiting or each.owed]
        return tuple(_record(episode) for episode in done)

    def _position(
        self, instrument: Instrument, strategy: str, now: int, capital_at_risk: Decimal
    ) -> OpenEpisode:
        episode = self.state.open.get(instrument.id)
        if episode is None:
            number = self.state.counts.get(instrument.id, 0) + 1
            self.state.counts[instrument.id] = number
            episode = self.state.open[instrument.id] = OpenEpisode(
                id=f"{instrument.id}#{number}",
                kind="position",
                strategy=strategy,
                hedge_group=instrument.hedge_group,
                instruments=[instrument.id],
                opened_ts=now,
                capital_at_risk=capital_at_risk,
                legs={instrument.id: LegBook()},
            )
        return episode

    def _book(
        self,
        episode: OpenEpisode,
        fill: OrderFilled,
        instrument: Instrument,
        change: Decimal,
        fee: Decimal,
        quote_usd: Decimal | None,
        fee_usd: Decimal | None,
    ) -> Step:
        leg = episode.legs.get(instrument.id)
        if leg is None:
            leg = episode.legs[instrument.id] = LegBook()
        step = book(leg.size, leg.entry, change, fill.price)
        leg.size, leg.entry = step.size, step.entry
        if step.realised != ZERO:
            _flow(episode, "price", instrument.quote, step.realised, quote_usd)
        if fee != ZERO:
            _flow(episode, "fees", fill.fee_coin, fee, fee_usd)
        if quote_usd is not None:
            episode.notional = max(episode.notional, abs(step.size) * fill.price * quote_usd)
        return step

    def _close(self, key: str, now: int, reason: str) -> tuple[EpisodeRecord, ...]:
        episode = self.state.open.pop(key)
        episode.closed_ts = now
        episode.reason = reason
        if episode.waiting or episode.owed:
            self.state.closing.append(episode)
            return ()
        return (_record(episode),)


def _settlement(payment: FundingSettled) -> str:
    return f"{payment.instrument}|{payment.ts_event}"


def _owner(episode: OpenEpisode) -> str:
    return episode.id if episode.kind == "pair" else episode.instruments[0]


def _flow(episode: OpenEpisode, kind: str, coin: str, amount: Decimal, coin_usd: Decimal | None) -> None:
    if coin_usd is None:
        episode.waiting.append(WaitingFlow(kind, coin, amount))
    elif kind == "price":
        episode.price_pnl += amount * coin_usd
    elif kind == "funding":
        episode.funding += amount * coin_usd
    else:
        episode.fees += amount * coin_usd


def _record(episode: OpenEpisode) -> EpisodeRecord:
    return EpisodeRecord(
        id=episode.id,
        strategy=episode.strategy,
        hedge_group=episode.hedge_group,
        kind=episode.kind,
        instruments=tuple(episode.instruments),
        opened_ts=episode.opened_ts,
        closed_ts=episode.closed_ts if episode.closed_ts is not None else episode.opened_ts,
        notional=episode.notional,
        capital_at_risk=episode.capital_at_risk,
        price_pnl=episode.price_pnl,
        funding=episode.funding,
        fees=episode.fees,
        net_pnl=episode.price_pnl + episode.funding - episode.fees,
        reason=episode.reason,
    )
