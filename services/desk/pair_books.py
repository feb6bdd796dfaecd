"""The money side of a pair: its record, and the closed episode that reports and sizing learn from."""

from __future__ import annotations

from services.desk.core import DeskCore
from services.desk.state import Admitted
from services.desk.tripping import trip
from services.domain.records import EpisodeRecord, PairRecord
from services.execution.pair_state import Pair

EPISODES_KEPT = 2_000


def keep_pair(core: DeskCore, pair: Pair, admitted: Admitted) -> None:
    """Record the pair as it stands."""
    for leg in pair.legs:
        mid, usd = core.picture.mid(leg.instrument), core.picture.quote_usd(leg.instrument)
        if mid is not None and usd is not None:
            admitted.largest = max(admitted.largest, leg.size * mid * usd)
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
            funding=admitted.funding,
            fees=admitted.fees,
            opened_ts=pair.opened_ts,
            closed_ts=pair.closed_ts,
            reason=pair.close_reason or pair.text or pair.reason,
        )
    )


def close_books(core: DeskCore, pair: Pair, admitted: Admitted) -> None:
    """A pair is closed: its episode, net of fees and funding. Fees of a failed attempt are booked too."""
    if pair.opened_ts is None:
        return
    net = admitted.price_pnl + admitted.funding - admitted.fees
    episode = EpisodeRecord(
        id=pair.id,
        strategy=pair.strategy,
        hedge_group=admitted.group,
        kind="pair",
        instruments=(pair.short.instrument, pair.long.instrument),
        opened_ts=pair.opened_ts,
        closed_ts=pair.closed_ts if pair.closed_ts is not None else core.now,
        notional=admitted.largest,
        capital_at_risk=admitted.capital_at_risk,
        price_pnl=admitted.price_pnl,
        funding=admitted.funding,
        fees=admitted.fees,
        net_pnl=net,
        reason=pair.close_reason or pair.unwind_reason or "failed entry",
    )
    core.state.episodes.append(episode)
    del core.state.episodes[:-EPISODES_KEPT]
    core.state.counters.trades += 1
    core.record(episode)
    core.decide(
        "episode",
        pair.id,
        episode.reason,
        {"net": net, "price": admitted.price_pnl, "funding": admitted.funding, "fees": admitted.fees},
    )
    trip(core, core.trips.episode(pair.strategy, net))
