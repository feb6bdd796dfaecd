"""A key of the console as data: the footer, the help, the palette and the bindings are made from these."""

from __future__ import annotations

from msgspec import Struct


class Key(Struct, frozen=True):
    id: str
    """Stable: a user's keymap names it."""
    keys: str
    """As Textual names them, comma-separated."""
    action: str
    shown: str
    """The key as a person reads it."""
    word: str
    """One or two words for the footer."""
    help: str
    group: str
    """`safety`, `move`, `do`, `app`: the order of the footer."""
    footer: int = 0
    """0 = not in the footer; else the higher, the sooner it goes when there is no room."""
    short: str = ""
    """The word at 80 columns."""
    ink: str = "*accent"
    needs: str = ""
    """The footer offers it only where there is: `sorts` more than one order, a `strategy` of the selected
    row, an open `alert`, a selected `row`, one with a `detail`, `legs` that it pairs, a list to
    `filter`. The key itself always answers."""
    on: tuple[str, ...] = ()
    """Screens on which it does something; empty = on every one."""
    panes: tuple[str, ...] = ()
    """Panes whose footer offers it; empty = every one. The key itself always answers."""
    leads: tuple[str, ...] = ()
    """Panes whose rows it is about: their footer keeps it when there is room for one more."""


WRITES = frozenset({"halt", "flatten", "resume", "pause", "ack", "ticket", "pair_ticket", "cancel"})
"""Keys that send something: grey on a read-only console."""
ALONE = frozenset({"ack", "cancel", "strategies.revert"})
"""Keys that send something which no question stands before and which takes nothing off by itself: out of one
piece of input with other keys they are the letters of a text, and do nothing."""
