"""Help while typing a command: what stands beside the line, and what an argument may be at this moment."""

from __future__ import annotations

from screens.rooms import ROOMS
from services.protocol.commands import SPECS, Takes
from services.views.desk import DeskView
from services.views.strip import StripView

SHOCK = "shock COIN PERCENT: what if? for example shock USDC -3%; alone it clears"


def hint(text: str) -> tuple[str, str] | None:
    """(words, ink): the usage of the command that is being typed, or the commands that start so."""
    body = text.strip().removeprefix(":").strip()
    if not body:
        return None
    found = [s for s in SPECS if s.line and (body.startswith(s.name + " ") or s.name.startswith(body))]
    if not found and (body.split()[0] == "shock" or "shock".startswith(body)):
        return (SHOCK, "muted")
    if not found and (body.split()[0] == "screen" or own(body)):
        return ("screen NAME: " + "  ".join(entry.name for entry in ROOMS), "muted")
    if not found:
        return (f"no command starts with {body.split()[0]}", "warn")
    if len(found) == 1 or found[0].name == body:
        return (found[0].usage if text.endswith(" ") or " " in body else found[0].help, "muted")
    return ("  ".join(s.name for s in found), "muted")


def own(text: str) -> tuple[str, ...]:
    """Whole lines of the console's own that continue this one."""
    body = text.strip().removeprefix(":").lstrip()
    lines = ("help", "quit", "theme", "shock", *(f"screen {entry.name}" for entry in ROOMS))
    return tuple(line for line in lines if line.startswith(body) and line != body) if body else ()


def candidates(takes: Takes, desk: DeskView | None, strip: StripView | None) -> list[str]:
    """From the views on screen; an argument they say nothing about has none."""
    if takes is Takes.CAUSE:
        return [cause.name for cause in strip.causes] if strip is not None else []
    if takes is Takes.VENUE:
        return [*(dot.name for dot in strip.venues), "all"] if strip is not None else []
    if desk is None:
        return []
    symbols = sorted({p.symbol for p in desk.positions})
    pairs = [pair.id for pair in desk.pairs]
    if takes is Takes.STRATEGY:
        return [name for name, _, _ in desk.strategies]
    if takes is Takes.PAIR:
        return pairs
    if takes is Takes.SYMBOL:
        return symbols
    if takes is Takes.SCOPE:
        return [*symbols, *pairs, *sorted({p.venue for p in desk.positions})]
    if takes is Takes.ALERT:
        return [alert.key for alert in desk.alerts if alert.state == "OPEN"]
    return []
