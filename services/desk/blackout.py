"""No entry order shortly before or after a settlement, however long the entry takes (SEMANTICS 5.7).

The strategy proposes outside the blackout; slices, and quotes above all, may reach into it. Hedges, reversals
and everything protective ignore it, and so does an exit that is under way.
"""

from __future__ import annotations

from services.desk import hand
from services.desk.core import DeskCore
from services.domain.enums import Purpose
from services.domain.orders import OrderRequest
from services.market.legs import in_blackout
from services.risk.context import Check
from services.settings.cross import Cross

NAME = "blackout"


def entry_check(core: DeskCore, order: OrderRequest) -> Check | None:
    """The failing check of an entry slice inside the blackout of either leg; None = it may go out."""
    pair = core.pairs.get(order.pair) if order.pair is not None else None
    if order.purpose is not Purpose.ENTRY or pair is None:
        return None
    params = hand.params_of(core, pair.strategy)
    before_s = params.blackout_s if isinstance(params, Cross) else params.entry_window_min_s
    for leg in pair.legs:
        row = core.picture.rate(leg.instrument, core.now)
        if row is not None and in_blackout(row, core.now, before_s, params.blackout_s):
            text = f"{leg.instrument} settles: no entry in its blackout"
            return Check(name=NAME, subject=leg.instrument, unit="state", passed=False, text=text)
    return None
