"""The signs of the console and their ASCII stand-ins, one cell for one cell.

Drawing code always writes the Unicode signs; painting translates them when the terminal wants ASCII, so no
layout depends on the set. Two signs depend on where they stand: `▲` is a direction, but a warning in a
warning's colour, and `─` is a frame, but an empty track in a bar.
"""

from __future__ import annotations

import re

GOOD = "●"
DEGRADED = "◐"
LOST = "○"
ALARM = "■"
UP = "▲"
DOWN = "▼"
NONE = "—"
MINUS = "−"
UNKNOWN = "?"
LAST_KNOWN = "~"
EDGE = "▌"
LIVE = "◆"
INTO = "›"
DOT = "·"
TIMES = "×"
ELLIPSIS = "…"
BAR_FULL = "━"
BAR_HALF = "╾"
BAR_TRACK = "─"
SPARK = "▁▂▃▄▅▆▇█"
TICK = "✓"
"""The one sign whose stand-in is wider (`ok`): only ever drawn as a part of free text."""

_ASCII = {
    GOOD: "*",
    DEGRADED: "o",
    LOST: ".",
    ALARM: "#",
    UP: "^",
    DOWN: "v",
    NONE: "-",
    MINUS: "-",
    "–": "-",
    EDGE: "|",
    LIVE: "*",
    INTO: ">",
    DOT: ".",
    TIMES: "x",
    ELLIPSIS: ".",
    BAR_FULL: "=",
    BAR_HALF: "-",
    BAR_TRACK: "-",
    "╭": "+",
    "╮": "+",
    "╰": "+",
    "╯": "+",
    "│": "|",
    "├": "+",
    "┤": "+",
    "┬": "+",
    "┴": "+",
    "Δ": "d",
    "↑": "^",
    "↓": "v",
    "∞": "*",
    "╌": "-",
    "┄": ".",
    "╵": "'",
    "╷": ".",
    "┃": "H",
    "╹": "H",
    "╻": "H",
    "╽": "H",
    "╿": "H",
    "▀": "#",
    "—": "-",
    TICK: "+",
    "▁": ".",
    "▂": ":",
    "▃": "-",
    "▄": "=",
    "▅": "+",
    "▆": "*",
    "▇": "#",
    "█": "#",
    "▒": ":",
}

FRAME_ASCII = str.maketrans(_ASCII)
WARNING_ASCII = str.maketrans(_ASCII | {UP: "!"})
TRACK_ASCII = str.maketrans(_ASCII | {BAR_TRACK: "."})
JOIN_ASCII = str.maketrans(_ASCII | {"╭": "/", "╰": "\\"})
"""The bracket that joins the legs of a pair."""


_SPAN = re.compile(rf"(?<=\d){ELLIPSIS}(?=\d)")


def to_ascii(text: str, ink: str) -> str:
    """`text` in ASCII, as long as before. `ink` is the token it is drawn in."""
    if text.isascii():
        return text
    if ELLIPSIS in text:
        text = _SPAN.sub("-", text)  # "2…8 screens" is no decimal number
    name = ink.lstrip("*").partition("@")[0]
    if name == "track":
        table = TRACK_ASCII
    elif name in ("warn", "alarm"):
        table = WARNING_ASCII
    elif name == "faint":
        table = JOIN_ASCII
    else:
        table = FRAME_ASCII
    out = text.translate(table)
    if not out.isascii():
        out = "".join("*" if "\u2800" < char <= "\u28ff" else char for char in out)
    return out if out.isascii() else out.encode("ascii", "replace").decode("ascii")
