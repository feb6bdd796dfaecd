"""What a screen is: a room of panes over views. The stage asks a room; the room draws lines and sends nothing
by itself.

How to add a screen, here and in `docs/architecture.md`:

1. `services/views/NAME.py`: the frozen view, with `ts`; its type in `services/views/topics.py`.
2. `services/desk/views/NAME.py`: the builder; its topic in `services/desk/views/topics.py` (a view from
   outside the desk: in the engine's `more` topics). A topic may carry an argument: `book:INSTRUMENT`.
3. `screens/draw/NAME.py`: pure drawings, view and width in, lines out.
4. `screens/NAME.py`: a `Room` with its panes, topics, places, drawings, drawers and what its own keys do.
5. One line in `screens/rooms.py` (the key, the name, the class); own keys in `console/keymap.py` with
   `on=(NAME,)` and the action `room('ID')`.
6. A fixture view in `tests/console/rooms.py`: pictures at three sizes in three palettes follow by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol, TypeVar

from msgspec import Struct, field

from screens import layout
from screens.dialogs import Dialog
from screens.draw.context import Context
from screens.frame import Content
from screens.ink import Line
from screens.layout import Plan, Rect, SizeClass
from screens.paint import Paint
from screens.rooms import Entry

V = TypeVar("V")


class PaneSpec(Struct, frozen=True):
    name: str
    """Unique over all screens: it is the widget's id and what a person's choices are kept by."""
    title: str
    tab: str = ""
    """Its name in the tabs of a small terminal; empty = the title."""
    sorts: tuple[str, ...] = ("",)
    """Orders that `s` walks through; empty = the pane's own."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns a person may hide: id and how the choice names it."""
    telling: bool = False
    """Its summary says what it is about, so it stands in the border beside the tabs, too."""
    table: str = ""
    """Where the rows of its table stand in the views (`desk.risk.limits`), for `w`; several with blanks
    between. Empty = the field of the pane's name."""
    keyed: Callable[[str, Any], str] | None = None
    """(last name of the table's path, row of the view) -> key of the row as drawn: what is written is then
    what is shown, in its order. None = its rows are no list: there is nothing to filter."""
    detail: bool = True
    """Its rows have more to tell than stands there: `enter` is offered."""
    foot: tuple[SizeClass, ...] = ()
    """Sizes at which the detail of the selected row stands at its foot, beside those with tabs."""


class Look(Struct, frozen=True):
    """All that a drawing may look at."""

    views: Mapping[str, object]
    """The newest views by the kind of their topic (`book` for `book:X`)."""
    width: int
    """Cells inside the frame."""
    height: int
    """Lines inside the frame."""
    plan: Plan
    context: Context
    selected: Mapping[str, str]
    """Key of the selected row by pane."""
    held: Callable[[str, list[str]], list[str]]
    """(pane, keys as they rank now) -> keys in the order to show: rows do not move under the cursor."""

    def view(self, kind: str, of: type[V]) -> V | None:
        found = self.views.get(kind)
        return found if isinstance(found, of) else None


class Host(Protocol):
    """What a room's own keys may ask of the console."""

    def send(self, name: str, args: Mapping[str, str], doing: str) -> None:
        """One command; its answer is said on the line above the keys."""

    def say(self, text: str, ink: str = "muted") -> None: ...

    def ask(self, prompt: str, text: str, done: Callable[[str], str | None], about: str = "") -> None:
        """A field on the line above the keys. `done` takes what was entered and gives an error, or None;
        `about` stands below the field meanwhile.
        """

    def open(self, make: Callable[[Paint, Callable[[], float]], Dialog]) -> None:
        """A dialog over the dimmed panes."""

    def view(self, topic: str) -> object | None:
        """The newest view of a topic that the room watches."""

    def redraw(self) -> None:
        """The room has changed what it shows or which views it wants."""


class Room:
    """One screen. It lives as long as the console, so it may remember what a person chose on it."""

    name: ClassVar[str]
    panes: ClassVar[tuple[PaneSpec, ...]]
    steers: ClassVar[frozenset[str]] = frozenset()
    """Panes whose selected row the other panes are about: they follow it at once."""

    def topics(self) -> tuple[str, ...]:
        """Which views it wants now, beside the answer bar's."""
        raise NotImplementedError  # abstract: each room names its own

    def plan(self, width: int, height: int, active: str, views: Mapping[str, object]) -> Plan:
        """Where its panes go; small terminals show one pane, with the others as tabs."""
        made = layout.base(width, height)
        if made.size is SizeClass.TINY:
            return made
        if made.tabs:
            return layout.with_panes(made, {active: made.body})
        return layout.with_panes(made, self.places(made.size, made.body, views))

    def places(self, size: SizeClass, body: Rect, views: Mapping[str, object]) -> dict[str, Rect]:
        """WIDE and MEDIUM: a place for every pane inside `body`; a pane that is left out does not show."""
        raise NotImplementedError  # abstract: each room has its own places

    def shape(self, views: Mapping[str, object]) -> object:
        """Anything that differs when new views ask for other places."""
        return None

    def ready(self, views: Mapping[str, object]) -> bool:
        """There is something to draw: the view of its first topic, unless the room says otherwise."""
        return all(views.get(kind_of(topic)) is not None for topic in self.topics()[:1])

    def draw(self, pane: str, look: Look) -> Content:
        """One pane. A figure that is no number may raise ArithmeticError: only this pane goes."""
        raise NotImplementedError  # abstract: each room draws its own panes

    def ahead(self, pane: str, views: Mapping[str, object]) -> Iterator[Callable[[], None]]:
        """What a drawing can have done before it, in small steps: a key waits for one of them alone."""
        return iter(())

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        """The detail of a row: all that its columns may have dropped. Empty = it has none."""
        return []

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        """(count, ink) beside the pane's name in the tabs."""
        return ("", "muted")

    def hung_on(self, pane: str) -> bool:
        """Other panes show what is selected in this one: its cursor stays with its row."""
        return pane in self.steers or pane == self.panes[0].name

    def chose(self, pane: str, key: str) -> None:
        """The cursor came to another row: it may want other views now."""

    def detail(self, pane: str, key: str, host: Host) -> bool:
        """`enter` on a row. True = the room has done something of its own instead of the drawer."""
        return False

    def act(self, action: str, host: Host, pane: str, key: str) -> None:
        """One of its own keys (`room('action')` in the keymap) on the selected row of the focused pane."""

    def line(self, text: str, host: Host) -> str | None:
        """A `:` line for this room, its first word off. Gives what is wrong with it, or None."""
        return f"{self.name} takes no line"

    def strategy(self, pane: str, key: str, views: Mapping[str, object]) -> str:
        """The strategy of the selected row, for `p`."""
        return ""

    def instrument(self, pane: str, key: str, views: Mapping[str, object]) -> str:
        """`SYMBOL.VENUE` of the selected row, for the ticket."""
        return ""

    def legs(self, pane: str, key: str, views: Mapping[str, object]) -> tuple[str, ...]:
        """(short, long) of the selected row as `SYMBOL.VENUE`, for the pair ticket; empty = it has none."""
        return ()


def load(entry: Entry) -> Room:
    """The room of a registered screen. Raises TypeError when what stands there is none."""
    module, _, name = entry.where.partition(":")
    made = getattr(import_module(module), name)()
    if not isinstance(made, Room):
        raise TypeError(f"{entry.where} is no room")
    return made


def kind_of(topic: str) -> str:
    return topic.partition(":")[0]
