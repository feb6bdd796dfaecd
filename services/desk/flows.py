"""What moved a balance and is neither a trade nor funding: transfers, conversions, interest, and the rest.

Only a transfer issues or redeems units (SEMANTICS 9). Interest, a forced conversion or a rebate taken for one
would be no profit and no loss: it would hide what it costs from every breaker.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import attributing
from services.desk.core import DeskCore
from services.domain.enums import Flow
from services.domain.events import TransferBooked
from services.domain.records import TransferRecord

PARTS = {
    Flow.TRANSFER: ("transfers", 1),
    Flow.CONVERSION: ("conversion", -1),
    Flow.INTEREST: ("interest", -1),
    Flow.OTHER: ("adjustments", 1),
}
"""Part of the waterfall, and the sign with which it counts there: costs are above zero when paid."""


def on_flow(core: DeskCore, flow: TransferBooked, equity_before: Decimal | None) -> None:
    """Book a row of the venue once. `equity_before`: USD, for the units of a transfer."""
    part, sign = PARTS[flow.kind]
    with attributing.booking(core, flow.venue, part, sign):
        new = core.ledger.apply_transfer(flow)
    if not new:
        return
    if flow.kind is not Flow.TRANSFER:
        text = f"{flow.amount:+f} {flow.coin} at {flow.venue}: {flow.kind.value}, profit or loss"
        core.decide("flow", f"{flow.venue} {flow.coin}", text, {"id": flow.transfer_id})
        core.risk_event("flow", f"{flow.venue} {flow.coin}", text)
        return
    usd = core.picture.index(flow.venue, flow.coin)
    core.units.transfer(flow.coin, flow.amount, usd, equity_before)
    if usd is not None and core.state.counters.equity_start is not None:
        # Before the first complete equity it is part of that.
        core.state.counters.transfers += flow.amount * usd
    core.record(
        TransferRecord(
            ts=flow.ts_event,
            venue=flow.venue,
            transfer_id=flow.transfer_id,
            coin=flow.coin,
            amount=flow.amount,
        )
    )
