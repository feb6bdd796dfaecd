"""What a pane says that has nothing to draw: for whom it waits, and what works where nobody will come."""

from __future__ import annotations

from screens.draw.answers import SILENT_AFTER
from screens.frame import Row
from screens.ink import wrap
from screens.link import Link

WAITS = "Waiting for the engine's first view."
NOTHING_CAME = (
    "The engine answers, but has sent nothing for this screen yet. It goes on by itself, H and F reach it; "
    "its log says why a view cannot be built."
)
NOBODY_ANSWERS = (
    "The engine does not answer, and had sent nothing for this screen. It fills when one answers; "
    "stableconsole flatten --direct works without."
)


def rows(link: Link, width: int, *, warned: bool, overdue: bool) -> list[Row]:
    """`warned`: what the link warns of is why. `overdue`: a view has not come for too long."""
    if warned and link.warning:
        said, ink = link.warning, "*warn"
    elif link.state in ("reconnecting", "closed") or (
        link.state == "connected" and link.silence() >= SILENT_AFTER
    ):
        said, ink = NOBODY_ANSWERS, "*alarm"
    elif link.state == "connected" and overdue:
        said, ink = NOTHING_CAME, "*warn"
    else:
        said, ink = WAITS, "muted"
    return [Row([line]) for line in wrap(said, width, ink)]
