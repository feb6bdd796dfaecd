"""Help while typing a command: what stands beside the line and below it, what an argument may be now.

And what may be remembered of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from screens import format as f
from screens.rooms import ROOMS
from screens.widgets.footer import Below
from services.protocol.commands import BY_NAME, SPECS, Takes
from services.protocol.errors import UsageError
from services.protocol.grammar import expects, parse
from services.views.closing import closing, open_under
from services.views.desk import DeskView
from services.views.strip import StripView

Said = tuple[str, str]
OURS = ("help", "quit", "theme", "tour", "save", "screen", "shock")
"""Words of the `:` line that are the console's own: nothing of them reaches the engine."""
SAVES = ("svg", "text", "csv")
UNDONE = "tab completes   ↑↓ recall   esc leaves"
IDLE = f"enter runs it   {UNDONE}"

SHOCK = "shock COIN PERCENT: what if? for example shock USDC -3%; alone it clears"
OWN_HELP = {
    "help": "help: the keys of this screen and every command",
    "quit": "quit: detach, stop, or flatten and stop",
    "theme": "theme [NAME]: choose on the screen, or take one by name",
    "tour": "tour: a walk over the screens",
    "screen": "screen NAME: another screen, as its digit does",
    "shock": SHOCK,
    "save": f"save {'|'.join(SAVES)} [FILE]: the screen, or this pane's table, to a file",
}
_SECRET_WORD = re.compile(r"secret|passw|passphrase|api[_-]?key|private|token|bearer", re.IGNORECASE)
_SECRET_SHAPE = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9+/=_-]{24,}")


def hint(text: str, desk: DeskView | None = None) -> Said | None:
    """Beside the line: the usage of the command that is being typed, or the commands that start so."""
    body = text.strip().removeprefix(":").strip()
    if not body:
        return None
    if desk is not None and body.startswith("flatten ") and body.removeprefix("flatten ").strip():
        return _closes(desk, body.removeprefix("flatten ").strip())
    found = [s for s in SPECS if s.line and (body.startswith(s.name + " ") or s.name.startswith(body))]
    first = body.split()[0]
    mine = [word for word in OURS if word.startswith(body) or word == first]
    if not found and mine:
        if mine == ["screen"]:
            return ("screen NAME: " + "  ".join(entry.name for entry in ROOMS), "muted")
        return (OWN_HELP[mine[0]] if len(mine) == 1 else "  ".join(mine), "muted")
    if not found:
        return (f"no command starts with {first}", "warn")
    if len(found) == 1 or found[0].name == body:
        return (found[0].usage, "muted")
    return ("  ".join(s.name for s in found), "muted")


def below(text: str, settings: Mapping[str, str], offers: Iterable[str]) -> Below:
    """Below the line: what the argument under the cursor is, and what `tab` would put there."""
    found = expects(text)
    if found is None:
        body = text.strip().removeprefix(":").strip()
        meant = [each for each in SPECS if each.line and body and each.name.startswith(body)]
        return Below(meant[0].help, offers=UNDONE) if len(meant) == 1 else Below(IDLE)
    spec, argument = found
    if argument is None:
        return Below(f"{spec.help} enter runs it")
    sentence = f"{argument.name.upper()}: {argument.help}"
    if argument.takes is Takes.WORD and spec.name == "set":
        key = text.split()[1] if len(text.split()) > 1 else ""
        sentence = settings.get(key, sentence)
    cut = len(text.lstrip().removeprefix(":").lstrip()) - len(_last(text))
    choices = [offer[cut:] for offer in offers]
    more = "tab: " + "  ".join(choices[:6]) + (" …" if len(choices) > 6 else "") if choices else ""
    return Below(sentence, offers=more)


def _last(text: str) -> str:
    """The word under the cursor."""
    return "" if not text or text.endswith(" ") else text.rsplit(maxsplit=1)[-1]


def _closes(desk: DeskView, what: str) -> tuple[str, str]:
    """What `flatten WHAT` would close and about what that costs; the dialog that comes shows the rows."""
    plan, several = closing(desk, what), open_under(desk, what)
    if len(several) > 1:
        return (f"on several venues: {', '.join(map(f.clean, several))}", "warn")
    if not plan.rows:
        return (f"nothing open is {f.clean(what)}", "muted")
    cost = "cost unknown" if plan.cost is None else f"about {f.dollars(plan.cost)}"
    if len(plan.rows) > 1:
        return (f"closes {len(plan.rows)} positions, {cost}", "warn")
    row = plan.rows[0]
    size = f"{row.quantity.normalize():,f}"
    name = row.instrument.rpartition(".")[0]
    return (f"closes {size} {f.clean(name)} on {f.clean(row.venue)}, {cost}", "warn")


def no_such(desk: DeskView, strip: StripView | None, what: str) -> str:
    """Why `flatten WHAT` means nothing, with the names there are; empty when it means something.

    The engine has the last word; here a name that was typed wrong is mended in its line.
    """
    venues = [dot.name for dot in strip.venues] if strip is not None else []
    known = {*_instruments(desk), *_held(desk), *(pair.id for pair in desk.pairs), *venues, "", "all"}
    if what in known:
        return ""
    named = ", ".join(map(f.clean, ("all", *candidates(Takes.SCOPE, desk, strip))))
    return f"flatten {f.clean(what)}: no such venue, pair or instrument; there are {named}"


def _held(desk: DeskView) -> set[str]:
    """What is open or has orders, with and without its venue, and the venues."""
    found = {name for pair in desk.pairs for name in (pair.short, pair.long)}
    found |= {row.instrument for row in desk.flatten.rows} | set(desk.flatten.orders)
    parts = [name.rpartition(".") for name in found]
    return found | {symbol for symbol, _, _ in parts} | {venue for _, _, venue in parts}


def harmless(text: str) -> bool:
    """Whether a line may run although nobody may have meant it: it halts or takes risk off, is the console's
    own, or is no command at all. A halt is never kept waiting."""
    if text.partition(" ")[0] in (*OURS, "q", ""):
        return True
    try:
        return BY_NAME[parse(text).name].safety
    except UsageError:
        return True


def own(text: str) -> tuple[str, ...]:
    """Whole lines of the console's own that continue this one."""
    body = text.strip().removeprefix(":").lstrip()
    lines = (
        *(word for word in OURS if word not in ("screen", "save")),
        *(f"save {kind}" for kind in SAVES),
        *(f"screen {entry.name}" for entry in ROOMS),
    )
    return tuple(line for line in lines if line.startswith(body) and line != body) if body else ()


def worth_keeping(line: str) -> bool:
    """Whether the history may hold a line. Nothing that looks like a secret is written anywhere: no line that
    speaks of one, no word of the length and mix of a key.
    """
    return not _SECRET_WORD.search(line) and not _SECRET_SHAPE.search(line)


def candidates(
    takes: Takes, desk: DeskView | None, strip: StripView | None, settings: Iterable[str] = ()
) -> list[str]:
    """From the views on screen; an argument they say nothing about has none."""
    venues = [dot.name for dot in strip.venues] if strip is not None else []
    if takes is Takes.CAUSE:
        return [cause.name for cause in strip.causes] if strip is not None else []
    if takes is Takes.VENUE:
        return [*venues, "all"] if strip is not None else []
    if takes is Takes.SETTING:
        return list(settings)
    if desk is None:
        return []
    pairs = [pair.id for pair in desk.pairs]
    if takes is Takes.STRATEGY:
        return [name for name, _, _ in desk.strategies]
    if takes is Takes.PAIR:
        return pairs
    if takes is Takes.SYMBOL:
        return _instruments(desk)
    if takes is Takes.SCOPE:
        held = sorted({p.symbol for p in desk.positions})
        return [*held, *pairs, *(venues or sorted({p.venue for p in desk.positions}))]
    if takes is Takes.ALERT:
        return [alert.key for alert in desk.alerts if alert.state == "OPEN"]
    return []


def _instruments(desk: DeskView) -> list[str]:
    """Symbols that are held or ranked, then each with its venue."""
    full = {p.instrument for p in desk.positions}
    for row in desk.funding:
        full |= {row.short, row.long}
    whole = sorted(name for name in full if "." in name)
    return [*sorted({name.rpartition(".")[0] or name for name in full}), *whole]
