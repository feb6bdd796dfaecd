"""No trade in an hour although entries pass the gate (SEMANTICS 13).

With the defaults months pass without a trade, and that is right: nothing was worth it. Something is wrong
when the gate lets entries through hour after hour and none of them fills.
"""

from __future__ import annotations

from services.desk.core import HOUR, MINUTE, DeskCore
from services.domain.enums import Purpose
from services.domain.orders import OrderRequest

NO_TRADE = "no trade"
PATIENCE_S = 3_600


def passed(core: DeskCore, order: OrderRequest) -> None:
    """The gate has let this order out."""
    if order.purpose is not Purpose.ENTRY:
        return
    idle = core.state.idle
    if idle.since is None:
        idle.since = core.now
    idle.last = core.now


def traded(core: DeskCore) -> None:
    """An order of ours has filled."""
    core.state.idle.since = None


def watch(core: DeskCore) -> None:
    """Raise and resolve. Once a spell: a condition that lasts is not told anew at each look."""
    idle, patience = core.state.idle, core.stretched(PATIENCE_S)
    if core.now - idle.last >= patience:
        # No opportunity passes the gate any more: not to trade is what the rules want.
        idle.since = None
    if idle.since is None:
        core.resolve(NO_TRADE)
    elif core.now - idle.since >= patience and not core.alerts.is_open(NO_TRADE):
        minutes = idle.since // MINUTE % (24 * HOUR // MINUTE)
        clock = f"{minutes // 60:02d}:{minutes % 60:02d}"
        core.alert(NO_TRADE, None, f"entries pass the gate since {clock} UTC, and none has filled")
