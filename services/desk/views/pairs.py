"""Each live pair: what stands on its legs, what is naked, what it has brought and what it hides in coins."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from services.desk.core import DeskCore
from services.desk.state import Admitted
from services.desk.views.figures import milliseconds
from services.desk.views.hedge import hedged_age, naked_of, residual, residual_usd
from services.domain.instrument import venue_of
from services.domain.money import ZERO
from services.execution.pair_legs import convert
from services.execution.pair_state import SHORT, Pair
from services.portfolio.exposure import coin_exposure, exposed_coins
from services.portfolio.inputs import AccountInput, PositionInput
from services.views.desk import PairView, SettledOfPair

_SHARE = Decimal("0.0001")


def pair_views(core: DeskCore, stale: Collection[str] = ()) -> tuple[PairView, ...]:
    """Oldest first. `stale`: venues that the answer bar says nothing fresh is known of."""
    return tuple(_view(core, pair, stale) for pair in core.pairs.live())


def _view(core: DeskCore, pair: Pair, stale: Collection[str]) -> PairView:
    admitted = core.state.admitted.get(pair.id)
    books = core.state.books.open.get(pair.id)
    spec = core.instruments[pair.short.instrument]
    return PairView(
        id=pair.id,
        kind=pair.kind,
        group=admitted.group if admitted is not None else spec.hedge_group,
        state=pair.state,
        strategy=pair.strategy,
        short=pair.short.instrument,
        long=pair.long.instrument,
        size=min(pair.short.size, convert(pair, pair.long.size, SHORT)),
        target=pair.short.target,
        residual=residual(pair),
        residual_usd=residual_usd(core, pair),
        naked=naked_of(core, pair),
        in_doubt=sum(1 for entry in core.orders.doubtful() if entry.request.pair == pair.id),
        net_upnl=_net_upnl(core, pair),
        funding_expected=admitted.expected if admitted is not None else None,
        funding_realised=books.funding if books is not None else ZERO,
        intervals=admitted.intervals if admitted is not None else 0,
        settled=_settled(admitted),
        costs=books.fees if books is not None else ZERO,
        rested=_rested(admitted),
        exposures=_exposures(core, pair),
        opened_ts=pair.opened_ts,
        reason=pair.close_reason or pair.text or pair.reason,
        hedged_age_ms=milliseconds(hedged_age(core, (pair,))),
        old=any(leg.size != ZERO and venue_of(leg.instrument) in stale for leg in pair.legs),
    )


def _settled(admitted: Admitted | None) -> tuple[SettledOfPair, ...]:
    newest = reversed(admitted.settled) if admitted is not None else ()
    return tuple(SettledOfPair(each.ts, each.expected, each.realised) for each in newest)


def _rested(admitted: Admitted | None) -> Decimal | None:
    if admitted is None or admitted.rested + admitted.took == ZERO:
        return None
    return (admitted.rested / (admitted.rested + admitted.took)).quantize(_SHARE)


def _legs(core: DeskCore, pair: Pair) -> list[PositionInput]:
    """The pair's own legs at the last known figures."""
    return [
        PositionInput(
            core.instruments[leg.instrument],
            leg.size * leg.side.sign,
            leg.entry_price if leg.entry_price is not None else ZERO,
            core.picture.mark(leg.instrument),
            core.picture.quote_usd(leg.instrument),
            core.picture.settle_usd(leg.instrument),
        )
        for leg in pair.legs
        if leg.size != ZERO
    ]


def _net_upnl(core: DeskCore, pair: Pair) -> Decimal | None:
    """Both legs against their own average entries, USD."""
    total = ZERO
    for leg in _legs(core, pair):
        if leg.mark is None or leg.quote_usd is None:
            return None
        total += leg.size * (leg.mark - leg.entry) * leg.quote_usd
    return total


def _exposures(core: DeskCore, pair: Pair) -> dict[str, Decimal]:
    """What the pair holds of each stablecoin without having bought it; an unknown one is left out."""
    books = tuple(
        AccountInput(leg.instrument.venue, {}, {}, {}, {}, (leg,), balances_known=True)
        for leg in _legs(core, pair)
    )
    found: dict[str, Decimal] = {}
    for coin in exposed_coins(books):
        parts = [coin_exposure(book, coin).by_positions for book in books]
        known = [part for part in parts if part is not None]
        total = sum(known, ZERO)
        if len(known) == len(parts) and total != ZERO:
            found[coin] = total
    return found
