"""The money side of pairs and positions: their records, and the closed episodes that reports learn from."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from services.desk.core import DeskCore
from services.desk.state import Admitted, PairSettled
from services.desk.tripping import trip
from services.domain.enums import Purpose
from services.domain.money import ONE, ZERO
from services.domain.records import EpisodeRecord, PairRecord
from services.execution.pair_legs import convert
from services.execution.pair_state import SHORT, Pair

EPISODES_KEPT = 2_000
SETTLED_KEPT = 24
"""Settlements of a pair, for its screen."""


def keep_pair(core: DeskCore, pair: Pair) -> None:
    """Record the pair as it stands."""
    books = core.state.books.open.get(pair.id)
    core.record(
        PairRecord(
            ts=core.now,
            id=pair.id,
            strategy=pair.strategy,
            kind=pair.kind,
            state=pair.state,
            short=pair.short.instrument,
            long=pair.long.instrument,
            target=pair.short.target,
            short_size=pair.short.size,
            long_size=pair.long.size,
            funding=books.funding if books is not None else ZERO,
            fees=books.fees if books is not None else ZERO,
            opened_ts=pair.opened_ts,
            closed_ts=pair.closed_ts,
            reason=pair.close_reason or pair.text or pair.reason,
        )
    )


def keep_settled(admitted: Admitted, ts: int, expected: Decimal | None, realised: Decimal | None) -> None:
    """One leg's payment into the settlement of its instant: of both legs together nothing is known where one
    leg's figure is not."""
    last = admitted.settled[-1] if admitted.settled else None
    if last is not None and last.ts == ts:
        last.expected = None if expected is None or last.expected is None else last.expected + expected
        last.realised = None if realised is None or last.realised is None else last.realised + realised
        return
    admitted.settled.append(PairSettled(ts, expected, realised))
    del admitted.settled[:-SETTLED_KEPT]


def close_books(core: DeskCore, pair: Pair) -> None:
    """A pair is closed: its episode, net of fees and funding. Fees of a failed attempt are booked too."""
    whole = "exchanged" if pair.one_shot and not pair.failed else "failed entry"
    reason = pair.close_reason or pair.unwind_reason or whole
    closed_ts = pair.closed_ts if pair.closed_ts is not None else core.now
    if pair.one_shot:
        sold, bought = (core.instruments[leg.instrument] for leg in pair.legs)
        usd = core.picture.quote_usd(sold.id), core.picture.quote_usd(bought.id)
        core.episodes.exchange(pair.id, (sold, usd[0]), (bought, usd[1]))
    keep_episodes(core, core.episodes.close_pair(pair.id, closed_ts, reason, entered(core, pair)))
    _say_closed(core, pair, reason)
    if pair.hedged_ts is not None and pair.close_purpose in (Purpose.STOP, Purpose.UNWIND):
        _say_forced(core, pair, reason)


def _say_forced(core: DeskCore, pair: Pair, reason: str) -> None:
    """Nobody asked for this end, and with it every alert of the pair goes: without a word that stays, whoever
    slept would wake to a calm screen with one pair less. A flatten has its own."""
    net = next((each.net_pnl for each in reversed(core.state.episodes) if each.id == pair.id), None)
    figure = "its result is not known yet" if net is None else f"net {net:+,.2f} USD"
    core.alert(f"pair ended:{pair.id}", None, f"{pair.id} was closed: {reason}; {figure}")


def _say_closed(core: DeskCore, pair: Pair, reason: str) -> None:
    """A strategy's last word is not that it opens a pair which somebody else has closed since."""
    admitted = core.state.admitted.get(pair.id)
    slot = None if admitted is None else core.state.strategies.get(admitted.strategy)
    if slot is not None and slot.last_reason.startswith(f"open {pair.id}:"):
        slot.last_reason = f"{pair.id} closed: {reason}"


def entered(core: DeskCore, pair: Pair) -> Decimal:
    """The share of the plan that was entered, by the leg that came further: no more of the capital was at
    risk. A plan that is not known was entered whole."""
    admitted = core.state.admitted.get(pair.id)
    if admitted is None or admitted.planned <= ZERO:
        return ONE
    most = max(pair.short.bought, convert(pair, pair.long.bought, SHORT))
    return min(ONE, most / admitted.planned)


def keep_episodes(core: DeskCore, closed: Iterable[EpisodeRecord]) -> None:
    """Episodes that came to their end with every flow valued: recorded, counted, learned from."""
    for episode in closed:
        core.state.episodes.append(episode)
        del core.state.episodes[:-EPISODES_KEPT]
        core.state.counters.trades += 1
        core.record(episode)
        core.decide(
            "episode",
            episode.id,
            episode.reason,
            {
                "net": episode.net_pnl,
                "price": episode.price_pnl,
                "funding": episode.funding,
                "fees": episode.fees,
            },
        )
        if episode.strategy in core.settings.strategies:
            trip(core, core.trips.episode(episode.strategy, episode.net_pnl))


def value_waiting(core: DeskCore) -> None:
    """Flows whose coin had no index at their instant are valued at the first one known."""
    for coin in core.episodes.waiting_coins():
        for venue in core.settings.venues:
            index = core.picture.fresh_index(venue, coin, core.now)
            if index is not None:
                keep_episodes(core, core.episodes.price(coin, index))
                break
