"""The keys of the console, as data. Every binding has an id (a keymap names it), a help line and a group.

Nothing that matters lies on esc, a ctrl combination or an F-key: terminals, tmux and screen eat them.
`ctrl+q` is unbound on purpose and `ctrl+c` only tells how to quit. A person's own keys: `keyrules.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.keys import Key
from screens.rooms import ROOMS

if TYPE_CHECKING:
    from textual.binding import Binding

KEYS: tuple[Key, ...] = (
    Key(
        "halt",
        "H",
        "halt",
        "H",
        "halt",
        "Halt at once, no question: it is reversible",
        "safety",
        1,
        ink="*alarm",
    ),
    Key(
        "flatten",
        "F",
        "flatten",
        "F",
        "flatten",
        "Show what flatten would close; F again does it",
        "safety",
        1,
        ink="*alarm",
    ),
    Key("resume", "R", "resume", "R", "resume", "Trade again; asks for the reason", "safety", 1, ink="*pos"),
    *(
        Key(
            f"screen.{entry.name}",
            entry.key,
            f"show('{entry.name}')",
            entry.key,
            entry.title,
            f"{entry.title}: {entry.help}",
            "move",
        )
        for entry in ROOMS
    ),
    Key("pane.next", "tab", "pane(1)", "tab", "pane", "Next pane", "move", 2),
    Key("pane.previous", "shift+tab", "pane(-1)", "shift+tab", "", "Previous pane", "move"),
    Key("row.down", "down,j", "row(1)", "↑↓", "row", "Next row, next line (also j and k)", "move", 8),
    Key("row.up", "up,k", "row(-1)", "↑", "", "Previous row", "move"),
    Key("page.down", "pagedown", "page(1)", "pgdn", "", "A page on", "move"),
    Key("page.up", "pageup", "page(-1)", "pgup", "", "A page back", "move"),
    Key("row.first", "home,g", "row(-100000)", "home", "", "First row", "move"),
    Key("row.last", "end,G", "row(100000)", "end", "", "Last row", "move"),
    Key("pane.left", "left", "pane(-1)", "←", "", "Previous pane", "move"),
    Key("pane.right", "right", "pane(1)", "→", "", "Next pane", "move"),
    Key(
        "detail",
        "enter",
        "detail",
        "enter",
        "detail",
        "Open or close the detail of the selected row",
        "move",
        6,
    ),
    Key("filter", "slash", "filter", "/", "filter", "Show only rows that contain a text", "move", 9),
    Key("sort", "s", "sort", "s", "sort", "The next order of this pane's rows", "move", 10, needs="sorts"),
    Key(
        "markets.width",
        "i",
        "room('candle_width')",
        "i",
        "interval",
        "The next width of the candles: 1, 5, 15 minutes, 1 hour",
        "move",
        9,
        on=("markets",),
    ),
    Key(
        "performance.period",
        "i",
        "room('period')",
        "i",
        "period",
        "The next period: 24 h, 7, 30, 90, 365 days, all",
        "move",
        9,
        on=("performance",),
    ),
    Key("columns", "C", "columns", "C", "columns", "Choose which columns this pane shows", "move"),
    Key("ticket", "o", "ticket", "o", "order", "Open an order ticket; S in it sends", "do", 5),
    Key(
        "pair_ticket",
        "O",
        "pair_ticket",
        "O",
        "pair",
        "Open a pair ticket, with the legs of a funding row; S in it sends",
        "do",
        5,
        needs="legs",
    ),
    Key(
        "cancel",
        "c",
        "room('cancel_order')",
        "c",
        "cancel",
        "Cancel the selected working order",
        "do",
        4,
        on=("orders",),
    ),
    Key(
        "pause",
        "p",
        "pause",
        "p",
        "pause",
        "Pause the selected row's strategy, or enable it again",
        "do",
        11,
        needs="strategy",
    ),
    Key(
        "ack",
        "a",
        "ack",
        "a",
        "ack",
        "Acknowledge the selected alert, else the first open one",
        "do",
        4,
        needs="alert",
    ),
    Key(
        "strategies.edit",
        "e",
        "room('edit')",
        "e",
        "edit",
        "Change the selected parameter: checked, journaled, applied from the next decision",
        "do",
        5,
        on=("strategies",),
    ),
    Key(
        "strategies.revert",
        "u",
        "room('revert')",
        "u",
        "undo",
        "The selected parameter as the profile has it",
        "do",
        6,
        on=("strategies",),
    ),
    Key(
        "strategies.close",
        "x",
        "room('close_pair')",
        "x",
        "close",
        "Close the selected pair, both legs in step; asks first",
        "do",
        6,
        on=("strategies",),
    ),
    Key(
        "journal.kind",
        "v",
        "room('kind')",
        "v",
        "what",
        "All rows, decisions, commands, refusals or orders",
        "do",
        5,
        on=("journal",),
    ),
    Key(
        "stress.edit",
        "e",
        "room('edit')",
        "e",
        "shock",
        "Shock the selected coin by so many percent",
        "do",
        5,
        on=("stress",),
    ),
    Key(
        "stress.more",
        "plus",
        "room('more')",
        "+",
        "1 %",
        "The selected coin 1 % higher",
        "do",
        6,
        on=("stress",),
    ),
    Key("stress.less", "minus", "room('less')", "-", "", "The selected coin 1 % lower", "do", on=("stress",)),
    Key("stress.clear", "x", "room('clear')", "x", "clear", "No shocks", "do", 6, on=("stress",)),
    Key("copy", "y", "copy", "y", "copy", "Copy the selected row", "do", 12, needs="row"),
    Key("write", "w", "write", "w", "write", "Write this pane's table to a CSV file", "do", 14, needs="row"),
    Key("picture", "W", "picture", "W", "", "Save the whole screen as SVG and as text", "do"),
    Key(
        "command",
        "colon",
        "command",
        ":",
        "command",
        "Type a command; tab completes, arrows recall",
        "app",
        3,
        short="cmd",
    ),
    Key("palette", "ctrl+p", "app.command_palette", "^p", "palette", "Every command by name", "app", 13),
    Key("theme", "t", "theme", "t", "theme", "Choose a theme: the arrows show it, enter keeps it", "app", 7),
    Key("help", "question_mark", "help", "?", "help", "This page", "app", 3),
    Key("quit", "q", "quit", "q", "quit", "Detach, stop, or flatten and stop", "app", 3),
)


def bindings() -> list[Binding]:
    """The application's bindings: desk actions run on the screen."""
    from textual.binding import Binding  # the table itself is read by commands that show no screen

    made = [
        Binding(
            key.keys,
            key.action if key.action.startswith("app.") else f"screen.{key.action}",
            key.help,
            show=bool(key.footer),
            key_display=key.shown,
            tooltip=key.help,
            id=key.id,
            group=Binding.Group(key.group),
        )
        for key in KEYS
        if key.id != "palette"
    ]
    return [*made, Binding("ctrl+c", "tell_quit", "how to quit", show=False, priority=True, system=True)]
