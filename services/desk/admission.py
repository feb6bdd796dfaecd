"""From a proposed pair to a reserved one: size it, plan it, ask the gate about both legs as one unit."""

from __future__ import annotations

from decimal import Decimal

from services.desk import gatekeeping
from services.desk.core import SECOND, DeskCore
from services.desk.reasons import gate_figures
from services.desk.state import Admitted, StrategySlot
from services.desk.submit import Submitter
from services.domain.enums import PairState, Severity, Side, TradingState
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.execution.measured import allowance
from services.execution.pair_state import LegPolicy, Pair
from services.portfolio.margin import account_margin
from services.risk.context import GateContext
from services.risk.gate import check_pair
from services.risk.kelly import track_record
from services.risk.rooms import pair_head_rooms
from services.risk.sizing import SizeAnswer, SizeLeg, size_pair
from services.strategies.base import OpenPair

OPPORTUNITY_PAUSE_S = 60
"""After a refused admission the same pair is not asked about again for so long."""
PASSING = ("open orders", "order rate")
"""Refusals that a moment cures: exits of the last second have taken the slots or tokens."""
AGAIN_NS = SECOND


class Admission:
    """A refusal is a value: journaled with all its figures, counted, and shown; never silent."""

    def __init__(self, core: DeskCore, submit: Submitter) -> None:
        self.core = core
        self.submit = submit

    def open(self, name: str, slot: StrategySlot, intent: OpenPair) -> None:
        core = self.core
        key = f"{intent.short}|{intent.long}"
        if core.now < slot.paused_pairs.get(key, 0) or core.state.stopping is not None:
            return
        for instrument in (intent.short, intent.long):
            state, text = gatekeeping.state_of(core, instrument, f"strategy:{name}", None)
            if state is not TradingState.ACTIVE:
                # No question for the gate: the scope takes no new risk, and nobody asked for any.
                slot.last_reason = f"{state.value}: {text}"
                return
        opposed = self._opposed(intent)
        if opposed:
            self._refuse(key, slot, opposed, name)
            return
        building = next((each for each in core.pairs.live() if each.state is PairState.OPENING), None)
        if building is not None:
            # One at a time: a pair under way holds the rate tokens of both legs and one reversal.
            slot.last_reason = f"waits until {building.id} stands"
            core.set_timer(f"again {name}", core.now + AGAIN_NS)
            return
        answer, capital = self._size(name, slot, intent)
        if answer.stopped or answer.quantity <= ZERO:
            self._say_size(key, intent, answer)
        if answer.stopped:
            slot.stopped = answer.stopped
            slot.last_reason = answer.stopped
            core.alert(
                f"strategy overrun:{name}",
                Severity.WARNING,
                f"{name} stopped: {answer.stopped}",
                do=f"enable {name} REASON starts a new sample",
            )
            return
        if answer.quantity <= ZERO:
            self._refuse(key, slot, answer.refused or f"size is zero: {answer.binding}", name)
            return
        self._admit(name, slot, intent, answer, capital)

    def _say_size(self, subject: str, intent: OpenPair, answer: SizeAnswer) -> None:
        """What the strategy saw and every bound of the size, under the pair's name once it has one."""
        core = self.core
        core.decide(
            "evaluate",
            subject,
            intent.reason,
            {
                "verdict": "enter",
                "short": intent.short,
                "long": intent.long,
                "spread": intent.spread,
                "gross": intent.gross,
                "costs": intent.costs,
                "net_edge": intent.net_edge,
                "break_even_h": intent.break_even_h,
                "strength": intent.strength,
                "stop_distance": intent.stop_distance,
            },
        )
        figures: dict[str, object] = dict(answer.bounds)
        figures |= {"binding": answer.binding, "quantity": answer.quantity, "notional": answer.notional}
        core.decide("size", subject, f"binding {answer.binding}", figures)

    def _opposed(self, intent: OpenPair) -> str:
        """A position that no pair holds, on the other side of a leg: the leg would be netted with it, and
        what is left could later not be closed by reducing orders."""
        core = self.core
        for instrument, side in ((intent.short, Side.SELL), (intent.long, Side.BUY)):
            if not core.instruments[instrument].is_perp:
                continue  # an inventory stands against nothing
            loose = core.ledger.size(core.instruments[instrument]) - core.pairs.size_on(instrument)
            if loose * side.sign < ZERO:
                return f"{instrument}: a position of {loose} that belongs to no pair stands against the leg"
        return ""

    def _refuse(self, key: str, slot: StrategySlot, text: str, name: str) -> None:
        slot.last_reason = text
        slot.paused_pairs[key] = self.core.now + OPPORTUNITY_PAUSE_S * SECOND
        self.submit.note_denial(f"pair {key}", text, f"strategy:{name}")

    def _size(self, name: str, slot: StrategySlot, intent: OpenPair) -> tuple[SizeAnswer, Decimal | None]:
        """The answer, and the smaller C of the two accounts that it rests on."""
        core = self.core
        short, long = core.instruments[intent.short], core.instruments[intent.long]
        ctx = gatekeeping.context(
            core, intent.short, Side.SELL, f"strategy:{name}", None, also=(intent.long,)
        )
        collaterals = [
            account_margin(ctx.accounts[venue]).collateral
            for venue in dict.fromkeys((short.venue, long.venue))
            if venue in ctx.accounts
        ]
        known = [each for each in collaterals if each is not None]
        capital = min(known) if known and len(known) == len(collaterals) else None
        cap = None if capital is None else capital * core.settings.size.max_pair_fraction
        answer = size_pair(
            core.settings,
            capital=capital,
            strength=intent.strength,
            record=track_record(core.state.episodes, name, intent.group, slot.sample_since),
            stop=intent.stop_distance,
            short=self._size_leg(intent.short, Side.SELL, intent.most),
            long=self._size_leg(intent.long, Side.BUY, intent.most),
            slippage_bps=allowance(core.settings.exec, core.state.measured.get(name)),
            head_rooms=pair_head_rooms(ctx, intent.short, intent.long, cap=cap),
        )
        return answer, capital

    def _size_leg(self, instrument: str, side: Side, most: Decimal | None) -> SizeLeg:
        """What the book takes, and never more than the edge was reckoned for."""
        core, prices = self.core, self.submit.prices
        spec = core.instruments[instrument]
        mid, mark = prices.mid(instrument), gatekeeping.fresh_mark(core, instrument)
        usd = core.picture.fresh_index(spec.venue, spec.quote, core.now)
        depth = prices.depth(instrument, side)
        if depth is not None and most is not None:
            depth = min(depth, most)
        price = None if mid is None or mark is None else max(mid, mark)
        available = None if depth is None or price is None or usd is None else depth * price * usd
        return SizeLeg(instrument=spec, price=price, quote_usd=usd, available=available)

    def _admit(
        self, name: str, slot: StrategySlot, intent: OpenPair, answer: SizeAnswer, capital: Decimal | None
    ) -> None:
        core = self.core
        origin = f"strategy:{name}"
        key = f"{intent.short}|{intent.long}"
        pair, actions, why = core.pairs.plan(
            strategy=name,
            kind=intent.kind,
            short=intent.short,
            long=intent.long,
            short_quantity=answer.quantity,
            long_quantity=answer.second_quantity,
            capital=capital,
            origin=origin,
            reason=intent.reason,
            now=core.now,
            entry_policy=LegPolicy(core.settings.pair.entry_policy),
            exit_policy=LegPolicy(core.settings.pair.exit_policy),
        )
        self._say_size(key if pair is None else pair.id, intent, answer)
        if pair is None:
            self._refuse(key, slot, why, name)
            return
        legs = core.pairs.admission(pair.id, self.submit.prices)
        if legs is None:
            self._abandon(pair, "no fresh prices", key, slot, name)
            return
        gate = check_pair(self._pair_context(legs), legs)
        if not gate.allowed:
            self.submit.note_denial(f"pair {key}", gate.refusal, origin, gate, pair.id)
            if gate.disable_origin and core.causes.disable(origin, gate.disable_origin):
                core.alert(f"throttle:{origin}", Severity.ALARM, f"{origin} disabled: {gate.disable_origin}")
            if all(check.name in PASSING for check in gate.failed):
                core.set_timer(f"again {name}", core.now + AGAIN_NS)
            else:
                slot.paused_pairs[key] = core.now + OPPORTUNITY_PAUSE_S * SECOND
            slot.last_reason = gate.refusal
            core.pairs.abandon(pair.id, gate.refusal, core.now)
            core.pairs.forget(pair.id)
            return
        core.decide("gate", pair.id, "the pair as one unit: allowed", gate_figures(gate))
        core.state.admitted[pair.id] = Admitted(
            strategy=name,
            group=intent.group,
            kind=intent.kind,
            capital_at_risk=answer.capital_at_risk,
            entry_basis=None,
        )
        core.episodes.open_pair(
            pair.id,
            strategy=name,
            hedge_group=intent.group,
            instruments=(intent.short, intent.long),
            now=core.now,
            capital_at_risk=answer.capital_at_risk,
        )
        for leg in legs:
            core.throttle.entry(origin, leg.instrument, leg.side.value, core.now)
        slot.last_reason = f"open {pair.id}: {intent.reason}"
        core.decide(
            "open",
            pair.id,
            intent.reason,
            {
                "short": intent.short,
                "long": intent.long,
                "quantity": answer.quantity,
                "notional": answer.notional,
                "capital_at_risk": answer.capital_at_risk,
                "binding": answer.binding,
            },
        )
        self.submit.run(actions)
        self.submit.run(core.pairs.start(pair.id, core.now, self.submit.prices))

    def _pair_context(self, legs: tuple[OrderRequest, OrderRequest]) -> GateContext:
        first, second = legs
        return gatekeeping.context(
            self.core, first.instrument, first.side, first.origin, first.pair, also=(second.instrument,)
        )

    def _abandon(self, pair: Pair, text: str, key: str, slot: StrategySlot, name: str) -> None:
        core = self.core
        core.pairs.abandon(pair.id, text, core.now)
        core.pairs.forget(pair.id)
        self._refuse(key, slot, text, name)
