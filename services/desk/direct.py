"""What the desk of a direct flatten adds: it is new and in memory, so all that it has are the venues' reads.

A flatten of a part takes whole pairs (SEMANTICS 10), and this desk knows none. What stands against each other
in one hedge group is closed as a pair, whosever it was: `flatten --direct` of one venue or instrument would
else leave the other leg naked. Only once every venue has been read; until then such a leg stays
(`execution/flatten_unread`). A direct flatten of everything needs no pairs: it closes all sides in step.
"""

from __future__ import annotations

from services.desk import rebuilt_pairs
from services.desk.core import DeskCore
from services.desk.prices import DeskPrices
from services.execution.flatten import Scope

DIRECT = "direct"
"""The kind of origin (before the colon) of a direct flatten's command."""


def silent(core: DeskCore) -> tuple[str, ...]:
    """Venues of which account or prices are not known yet."""
    unread = DeskPrices(core).unread()
    return tuple(
        venue
        for venue in core.settings.venues
        if venue in unread or core.picture.venue_age(venue, core.now) is None
    )


def pair_up(core: DeskCore, origin: str, scope: Scope) -> None:
    """Before the flatten looks at the positions, and again when another venue has been read."""
    if scope.everything or origin.partition(":")[0] != DIRECT:
        return
    prices = DeskPrices(core)
    if not core.pairs.live() and not prices.unread():
        rebuilt_pairs.make(core, prices.positions())


def on_opened(core: DeskCore) -> None:
    """A venue's first read is in the books."""
    for run in core.flattens.running():
        pair_up(core, run.origin, run.scope)
