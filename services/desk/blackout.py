"""No entry order shortly before or after a settlement, however long the entry takes (SEMANTICS 5.7).

The strategy proposes outside the blackout; slices, and quotes above all, may reach into it. Hedges, reversals
and everything protective ignore it, and so does an exit that is under way.
"""

from __future__ import annotations

from services.desk import hand
from services.desk.core import DeskCore
from services.domain.enums import Purpose
from services.domain.orders import OrderRequest
from services.market.funding import interval_of
from services.market.legs import in_blackout
from services.risk.context import Check
from services.settings.cross import Cross

NAME = "blackout"


def entry_check(core: DeskCore, order: OrderRequest) -> Check | None:
    """The failing check of an entry slice inside the blackout of either leg, or while it is not known when a
    leg settles; None = it may go out."""
    pair = core.pairs.get(order.pair) if order.pair is not None else None
    if order.purpose is not Purpose.ENTRY or pair is None:
        return None
    params = hand.params_of(core, pair.strategy)
    before_s = params.blackout_s if isinstance(params, Cross) else params.entry_window_min_s
    for leg in pair.legs:
        if not core.instruments[leg.instrument].is_perp:
            continue
        row, text = core.picture.rate(leg.instrument, core.now), ""
        if row is None or interval_of(row) is None or row.next_ts is None:
            text = f"{leg.instrument}: when it settles is not known"
        elif in_blackout(row, core.now, before_s, params.blackout_s):
            text = f"{leg.instrument} settles: no entry in its blackout"
        elif row.next_ts <= core.now:
            text = f"{leg.instrument}: its settlement is overdue"
        if text:
            return Check(name=NAME, subject=leg.instrument, unit="state", passed=False, text=text)
    return None
