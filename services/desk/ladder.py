"""The margin ladder's hand: every pair of an account gets smaller, both legs in step (SEMANTICS 2).

At usage 0.80 all that is ours on the account is cut by one share, pairs by the pair machine, unpaired
positions by reducing orders, until usage is under 0.60. Shares are measured on what stands, so the next cut
waits for the last one to be done; one that is stuck holds the others up only for a while. What is foreign is
never traded: it is shown, and our own part then carries the whole cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.desk import margin_call
from services.desk.core import SECOND, DeskCore
from services.desk.submit import Submitter
from services.domain.enums import OrderType, PairState, Purpose, Severity, Side, TimeInForce, TradingState
from services.domain.money import ONE, ZERO, ceil_to
from services.domain.orders import OrderRequest
from services.execution.pair_state import Pair
from services.execution.pricing import band_limit, last_resort, smallest
from services.portfolio import top_up
from services.portfolio.distance import joint_distance
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import Margin

LADDER = "margin ladder"
USAGE = "margin usage"
WAVE_S = 15
"""A cut that is not done by then no longer holds up the next one."""


def climb(
    core: DeskCore, submit: Submitter, books: Mapping[str, AccountInput], margins: Mapping[str, Margin]
) -> None:
    """Judge every account; cut where the last rung is reached."""
    gate = core.settings.gate
    # A distance beyond both levels says nothing here.
    near = max(gate.min_joint_distance, gate.reducing_joint_distance)
    for venue, margin in margins.items():
        margin_call.watch(core, venue, margin)
        if not margin.anything_open and venue not in core.state.ladder.steps:
            continue
        answer = core.ladder.evaluate(
            venue,
            usage=margin.usage,
            insolvent=margin.collateral is not None and margin.collateral <= ZERO,
            distance=joint_distance(books[venue], near) if margin.anything_open else None,
            holds=margin.anything_open,
        )
        scope = f"account:{venue}"
        if answer.state is TradingState.ACTIVE:
            core.good_cause(LADDER, scope)
        else:
            core.raise_cause(LADDER, scope, answer.state, answer.text, severity=Severity.ALARM)
        # To an account that cannot be valued nobody is told to bring money: what it lacks are data.
        key = "liquidation unknown" if answer.unknown else "liquidation distance"
        for each in ("liquidation unknown", "liquidation distance"):
            if each != key or not answer.near_liquidation:
                core.resolve(f"{each}:{venue}")
        if answer.near_liquidation:
            do = "" if answer.unknown else f"add collateral on {venue} or reduce"
            core.hold(f"{key}:{venue}", Severity.WARNING, answer.text, do=do)
        _say_transfer(core, venue, margin, books, margins)
        if answer.cut_fraction > ZERO:
            _cut(core, submit, venue, answer.cut_fraction, answer.text)
        elif core.state.ladder.waves.pop(venue, None) is not None:
            core.state.ladder.tries = {
                name: tries
                for name, tries in core.state.ladder.tries.items()
                if core.instruments[name].venue != venue
            }


def _say_transfer(
    core: DeskCore,
    venue: str,
    margin: Margin,
    books: Mapping[str, AccountInput],
    margins: Mapping[str, Margin],
) -> None:
    """From the first rung on: the transfer that takes it back. Nothing is moved by this program."""
    key, limit = f"{USAGE}:{venue}", core.settings.ladder.no_new_risk
    if margin.usage is None or margin.usage < limit:
        core.resolve(key)
        return
    move = top_up.needed(venue, books, margins, limit)
    do = ""
    if move is not None and not move.coin:
        do = (
            f"bring {move.amount:,f} USD of collateral to {venue} from outside: no other account can spare it"
        )
    elif move is not None:
        do = f"transfer {move.amount:,f} {move.coin} from {move.source} to {venue}, yourself"
        do += "" if move.whole else "; that alone is not enough"
    text = f"{venue} uses over {limit:.0%} of its margin: no new risk there"
    core.hold(key, Severity.WARNING, text, do=do)


def _cut(core: DeskCore, submit: Submitter, venue: str, share: Decimal, text: str) -> None:
    """One wave: everything of ours on the account that is not being cut already."""
    pairs = [
        pair
        for pair in core.pairs.live()
        if any(core.instruments[leg.instrument].venue == venue for leg in pair.legs)
    ]
    begun = core.state.ladder.waves.get(venue)
    working = any(_busy(pair) for pair in pairs)
    if begun is not None and working and core.now - begun < WAVE_S * SECOND:
        return
    core.state.ladder.waves[venue] = core.now
    core.decide(LADDER, venue, text, {"share": share, "pairs": str(len(pairs))})
    for pair in pairs:
        if not _busy(pair):
            rungs = core.settings.ladder
            core.decide(LADDER, pair.id, text, {"share": share, "cut at": rungs.cut, "down to": rungs.cut_to})
            submit.run(core.pairs.request_reduce(pair.id, share, LADDER, core.now, submit.prices))
    for instrument in core.state.unpaired:
        if core.instruments[instrument].venue == venue:
            _cut_position(core, submit, instrument, share, text)


def _busy(pair: Pair) -> bool:
    """On its way to less, by protective orders."""
    held_up = pair.state in (PairState.FROZEN, PairState.IN_DOUBT)
    state = pair.resume if held_up else pair.state
    if pair.state is PairState.FROZEN:
        return False  # it would rest there: a cut thaws it
    return state is PairState.UNWINDING or (state is PairState.CLOSING and pair.close_purpose.protective)


def _cut_position(core: DeskCore, submit: Submitter, instrument: str, share: Decimal, text: str) -> None:
    """A share of an unpaired position, at least what the venue takes; each wave takes the next wider band."""
    spec, size = core.instruments[instrument], core.state.unpaired[instrument]
    stop = core.stops.get(instrument)
    if stop is not None and stop.triggered is not None:
        return  # the stop takes all of it
    prices = submit.prices
    mid = prices.mid(instrument)
    base = mid if mid is not None else prices.last(instrument)
    if base is None:
        return
    usd = prices.usd(instrument)
    least = (
        smallest(spec, base, usd, reducing=True)
        if usd is not None
        else max(spec.min_size, spec.size_increment)
    )
    quantity = abs(size) if share >= ONE else max(ceil_to(abs(size) * share, spec.size_increment), least)
    quantity = spec.round_size(min(quantity, abs(size)))
    if abs(size) - quantity < least:
        quantity = spec.round_size(abs(size))
    if quantity < least:
        return  # dust
    tries = core.state.ladder.tries.get(instrument, 0) + 1
    core.state.ladder.tries[instrument] = tries
    bands = core.settings.exec.flatten_bands
    side = Side.SELL if size > ZERO else Side.BUY
    market = last_resort(core.settings, tries, len(bands))
    order = OrderRequest(
        client_order_id=core.ids.draw(Purpose.STOP, 0, tries),
        instrument=instrument,
        side=side,
        quantity=spec.one_order(quantity),
        price=None if market else band_limit(spec, side, base, bands[min(tries, len(bands)) - 1]),
        type=OrderType.MARKET if market else OrderType.LIMIT,
        tif=TimeInForce.IOC,
        reduce_only=True,
        purpose=Purpose.STOP,
        origin="desk",
        attempt=tries,
        decided_mid=mid,
        reason=f"{LADDER}: {text}",
    )
    submit.place(order)
