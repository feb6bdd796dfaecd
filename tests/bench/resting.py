"""An engine with orders at rest: the program's own, over a desk that keeps forty limit orders in the books.

`python -m tests.bench.resting --state-dir ...` takes the flags of `stableconsole run`. The orders go the way
of every order: gate, durable intent, gate, venue. While the desk is ACTIVE missing ones are placed again.
"""

from __future__ import annotations

import logging
import sys
from decimal import Decimal
from typing import Any

from services.desk.core import SECOND
from services.desk.desk import Desk
from services.domain.enums import OrderState, Purpose, Side, TradingState
from services.domain.events import Timer
from services.domain.orders import OrderRequest
from services.drive import session

log = logging.getLogger("stableconsole.bench")

ORDERS = 40
AWAY = Decimal("0.015")
"""Of the mid: inside the gate's collar of 2 %, far from being filled soon."""
QUANTITY = Decimal("0.1")
TIMER = "bench rest"


class RestingDesk(Desk):
    """The desk with a hand that rests orders."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.told = False

    def _timer(self, timer: Timer) -> None:
        if timer.name == TIMER:
            self.core.state.timers.pop(TIMER, None)
            self._rest()
            self.core.set_timer(TIMER, self.core.now + SECOND // 10)
            return
        super()._timer(timer)
        if timer.name == "start":
            self.core.set_timer(TIMER, self.core.now + 10 * SECOND)

    def _rest(self) -> None:
        core = self.core
        ours = [entry for entry in core.orders.open_orders() if entry.request.purpose is Purpose.TICKET]
        resting = [entry for entry in ours if entry.state is OrderState.ACCEPTED]
        if len(resting) < ORDERS:
            self.told = False
        elif not self.told:
            self.told = True
            venues = {entry.request.instrument.rpartition(".")[2] for entry in resting}
            log.info("resting %d orders on %d venues", len(resting), len(venues))
        if core.causes.worst() is not TradingState.ACTIVE:
            return
        taken = {entry.request.instrument for entry in ours}
        for spec in core.instruments.values():
            if not spec.symbol.startswith("SYN") or spec.id in taken:
                continue
            mid = core.picture.mid(spec.id)
            if mid is None or not core.picture.quote_fresh(spec.id, core.now):
                continue
            side = Side.BUY if spec.venue == "alpha" else Side.SELL
            price = spec.round_price(side, mid * (1 - AWAY * side.sign))
            self.submit.place(
                OrderRequest(
                    client_order_id=core.ids.draw(Purpose.TICKET),
                    instrument=spec.id,
                    side=side,
                    quantity=QUANTITY,
                    price=price,
                    purpose=Purpose.TICKET,
                    origin="operator",
                    decided_mid=mid,
                    reason="bench",
                )
            )


def main() -> int:
    session.Desk = RestingDesk  # type: ignore[misc]
    from console import headless
    from services.protocol import flags

    parsed = flags.quick_parse(sys.argv[1:], ())
    assert parsed is not None, "flags of stableconsole run"
    return headless.run(flags.build(parsed[0]))


if __name__ == "__main__":
    raise SystemExit(main())
