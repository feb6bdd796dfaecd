"""The stage: one screen of Textual on which every room plays. It places the parts and feeds them views.

It draws what the link has and decides nothing: `picture.py` says what stands where, `asking.py` what it asks.
"""

from __future__ import annotations

from asyncio import TimerHandle
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Literal, Self

from textual import events
from textual.app import ComposeResult
from textual.geometry import Region
from textual.screen import Screen

from screens import vouched
from screens.contents import Contents
from screens.dialogs import Dialog
from screens.draw.answers import SILENT_AFTER, tightest
from screens.draw.context import Context
from screens.keys import Key
from screens.later import after
from screens.layout import Plan, base
from screens.link import LINK, Link
from screens.memory import Memory
from screens.paint import Paint
from screens.places import PlanLayout, Rects
from screens.room import Room, load
from screens.rooms import BY_NAME, ROOMS
from screens.ui import Terminal, UiSettings
from screens.widgets.commandline import CommandLine, LineField, Said
from screens.widgets.drawer import Drawer
from screens.widgets.footer import KeyBar
from screens.widgets.grid import LineGrid
from screens.widgets.panes import Pane
from screens.widgets.strip import AnswerBar
from screens.widgets.topbar import TopBar
from services.views.desk import DeskView
from services.views.strip import StripView

STEP_S = 0.002
"""So long at most are steps of a frame painted without looking at the keys; a long step stands alone."""
BREATH_S = 0.002
"""Between two such spells: the keys' way through the program takes less."""

FieldMode = Literal["", ":", "/", "reason", "ask", "ticket"]


class Stage(Screen[None], inherit_bindings=False):
    def __init__(
        self,
        link: Link,
        ui: UiSettings,
        terminal: Terminal,
        paint: Paint,
        keys: Sequence[Key],
        clock: Callable[[], float],
        memory: Memory | None = None,
        save: Callable[[Memory], str | None] = lambda _memory: None,
    ) -> None:
        super().__init__(id="stage")
        self.link, self.ui, self.terminal, self.keys, self.clock = link, ui, terminal, keys, clock
        self.paint = paint
        self.memory = memory or Memory()
        self._save = save
        self.rooms: dict[str, tuple[Room, Contents, dict[str, Pane]]] = {}
        """Those that were shown once."""
        self.room, self.contents, self.panes = self._made(ROOMS[0].name)
        self.active = self.room.panes[0].name
        self.plan: Plan = base(80, 24)
        self.dialog: Dialog | None = None
        self.field: LineField | None = None
        self.field_mode: FieldMode = ""
        self.drawer_open = False
        self.said: Said | None = None
        self.hint: Said | None = None
        self.history: list[str] = self.memory.history
        self.wanted: frozenset[str] = frozenset()
        """Views that something beside the room asks for: a dialog, a key, an order by hand."""
        self.topics: tuple[str, ...] = ()
        self.past: set[str] = set()
        """Topics whose view is from an earlier look: nobody asked for them meanwhile."""
        self._dirty: set[str] = set()
        self._steps: deque[Callable[[], None]] = deque()
        """What is left to paint of the present frame."""
        self._frame: TimerHandle | None = None
        self._last_frame = -1.0
        self._quiet_until = -1.0
        self._unlisten: Callable[[], None] | None = None
        self.styles.set_rule("layout", PlanLayout(self._rects))

    # ---- parts

    def compose(self) -> ComposeResult:
        paint = self.paint
        yield TopBar(paint, id="topbar")
        yield AnswerBar(paint, id="strip")
        yield from self.panes.values()
        yield CommandLine(paint, id="command")
        yield KeyBar(paint, id="footer")
        yield Drawer(paint, id="drawer")
        yield LineGrid(paint, id="tiny")

    def on_mount(self) -> None:
        self.topbar = self.query_one("#topbar", TopBar)
        self.strip_bar = self.query_one("#strip", AnswerBar)
        self.command_line = self.query_one("#command", CommandLine)
        self.key_bar = self.query_one("#footer", KeyBar)
        self.drawer = self.query_one("#drawer", Drawer)
        self.tiny = self.query_one("#tiny", LineGrid)
        self._unlisten = self.link.listen(self._changed)
        self.watch_views()
        self.set_interval(1.0, self._each_second)
        self.lay_out()
        self.refocus()
        self.call_after_refresh(self.link.start)

    def on_unmount(self) -> None:
        if self._unlisten is not None:
            self._unlisten()

    # ---- rooms

    def _made(self, name: str) -> tuple[Room, Contents, dict[str, Pane]]:
        found = self.rooms.get(name)
        if found is None:
            room = load(BY_NAME[name])
            names = [spec.name for spec in room.panes]
            hidden = {pane: frozenset(self.memory.hidden.get(pane, ())) for pane in names}
            sorts = {pane: order for pane, order in self.memory.sorts.items() if pane in names}
            contents = Contents(room, hidden=hidden, sorts=sorts)
            found = self.rooms[name] = (room, contents, {pane: Pane(pane, self.paint) for pane in names})
        return found

    def show_room(self, name: str) -> None:
        """Another screen. Its last views stand, marked as old, until new ones are there."""
        if name == self.room.name:
            return
        for pane in self.panes.values():
            pane.display = False
        known = name in self.rooms
        self.room, self.contents, self.panes = self._made(name)
        for pane in self.panes.values():
            pane.rest(True)
        if not known:
            self.mount_all(self.panes.values(), before=self.command_line)
        self.active = next(
            (spec.name for spec in self.room.panes if spec.name == self.active), self.room.panes[0].name
        )
        self.drawer_open = False
        self.watch_views()
        self.lay_out()
        self.refocus()

    mounting: Awaitable[None] | None = None
    """A field or a dialog that is on its way."""

    async def settled(self) -> None:
        """Until it is there: the next key is its own, and before that nobody could hear it."""
        mounting, self.mounting = self.mounting, None
        if mounting is not None:
            await mounting

    def refocus(self) -> None:
        """The keys go to whom they belong, from the very next one on: a field, else a dialog, else the pane.

        `Widget.focus` would come behind the keys that wait already: `:halt` typed fast was three commands.
        """
        self.set_focus(self.field or self.dialog or self.panes[self.active], scroll_visible=False)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click on a pane takes no keys from a field or a dialog."""
        if (self.field or self.dialog) is not None and self.focused not in (self.field, self.dialog):
            self.refocus()

    # ---- views

    def watch_views(self) -> None:
        """Asks for exactly what is looked at: the engine builds nothing else."""
        wanted = ["strip", *self.room.topics(), *sorted(self.wanted)]
        topics = tuple(dict.fromkeys(wanted))
        if topics != self.topics:
            self.past |= {topic for topic in self.topics if topic not in topics}
            self.topics = topics
            self.link.watch(topics, float(self.terminal.fps))

    @property
    def views(self) -> dict[str, object]:
        """What the room asked for, by kind; what has not come yet is missing."""
        silent = 0.0 if self.trusted else max(self.silence, self.stood)
        return vouched.of(self.link, self.room.topics(), int(silent * 1_000))

    @property
    def strip(self) -> StripView | None:
        view = self.link.view("strip")
        return view if isinstance(view, StripView) else None

    @property
    def desk(self) -> DeskView | None:
        """The Desk's view while it is the present one: for dialogs, completion and keys of every screen."""
        known = "desk" in self.topics and "desk" not in self.past and self.link.age("desk") < SILENT_AFTER
        known = known and not self.stood
        view = self.link.view("desk") if known else None
        return view if isinstance(view, DeskView) else None

    @property
    def trusted(self) -> bool:
        """The engine speaks, and says each second whether one may trade: the answers are the present."""
        return self.link.state == "connected" and self.silence < SILENT_AFTER and not self.stood

    @property
    def silence(self) -> float:
        """Wall seconds without a word from the engine, or without the answer bar's view from it."""
        return max(self.link.silence(), self.link.age("strip"))

    @property
    def stood(self) -> float:
        """Wall seconds for which the desk's own time stands, when it never needs so many; else 0."""
        strip, standing = self.strip, self.link.standing()
        return standing if strip is not None and standing >= strip.still_s else 0.0

    def overdue(self) -> list[str]:
        """Topics of this screen of which nothing has come for too long, though the engine speaks."""
        return [topic for topic in self.room.topics() if self.link.age(topic) >= SILENT_AFTER]

    def context(self, pane: str = "") -> Context:
        strip = self.strip
        told = self.views.values() if strip is None else (strip,)
        now = max((int(getattr(view, "ts", 0)) for view in told), default=0)
        return Context(
            now=now,
            remote=self.terminal.remote,
            hidden=self.contents.hidden.get(pane, frozenset()),
            needle=self.contents.needles.get(pane, "").casefold(),
            sort=self.contents.sort(pane),
            tightest=tightest(strip),
            naked_is_late=strip is None or not strip.naked_within_timeout,
            unseen_ms=None if strip is None or strip.positions_open else strip.hedged_age_ms,
            lost=self.link.state in ("reconnecting", "closed"),
            distance_limit=None if strip is None else strip.distance_limit,
            distance_reducing=None if strip is None else strip.distance_reducing,
        )

    def _changed(self, topic: str) -> None:
        """New data: painted at the frame cap, and at once when the last frame is long ago."""
        self._dirty.add(topic)
        self.past.discard(topic)
        if self._frame is None and self.is_attached:
            wait = self._last_frame + 1 / self.terminal.fps - self.clock()
            self._frame = after(self, max(BREATH_S, wait), self._paint_data)

    def _paint_data(self) -> None:
        self._frame = None
        self._last_frame = self.clock()
        dirty, self._dirty = self._dirty, set()
        self._steps.extend(self._to_paint(dirty))
        self._paint_on()

    def _to_paint(self, dirty: set[str]) -> Iterator[Callable[[], None]]:
        if "desk" in dirty and self.desk is not None:
            self.desk_came()
        if "orders" in dirty:
            self.orders_came()
        if LINK in dirty:
            if self.link.warning and self.link.warning != self._warned:
                self.said = (self.link.warning, "*warn")
            self._warned = self.link.warning
            yield self.draw_all
            return
        if "strip" in dirty:
            yield self.draw_strip
        if not dirty.isdisjoint(self.room.topics()):
            if self.room.shape(self.views) != self._shape:
                yield self.lay_out
            else:
                yield from self.pane_steps()
        if self.dialog is not None:
            yield self.draw_dialog

    def _paint_on(self) -> None:
        """Step by step: a key that comes while a frame is painted waits for one step, not for the frame."""
        began = self.clock()
        while self._steps:
            self._steps.popleft()()
            if self._steps and self.clock() - began > STEP_S:
                self._frame = after(self, BREATH_S, self._paint_on)
                return
        self._frame = None
        if self._dirty:
            self._changed(next(iter(self._dirty)))

    def _each_second(self) -> None:
        """The engine's silence is seen without a word from it."""
        overdue = self.overdue()
        if not self.trusted or not self._was_trusted or overdue or self._were_overdue:
            self.draw_all()
        self._were_overdue = overdue
        self.fade()

    titled: Callable[[str], None] | None = None
    """Takes what the terminal's title should say; None = the title is not ours."""

    # ---- what the floors above bring

    _shape: object = None
    _was_trusted = False
    _were_overdue: Sequence[str] = ()
    _warned = ""

    def desk_came(self) -> None:
        """The Desk's view is there, whoever asked for it."""

    def orders_came(self) -> None:
        """So is that of the orders."""

    def lay_out(self) -> None:
        """A new size, another active pane, other needs: everything goes to its place."""

    def draw_all(self) -> None: ...

    def fade(self) -> None: ...

    def draw_strip(self) -> None: ...

    def pane_steps(self) -> Iterator[Callable[[], None]]:
        """The panes that show, each a step of its own."""
        return iter(())

    def draw_dialog(self) -> None: ...

    def _rects(self) -> Rects:
        return self.plan.rects

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Textual keeps an arrangement until children come or go; our places follow the views as well."""
        if layout:
            self._clear_arrangement_cache()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    # ---- events of the parts

    def on_resize(self, event: events.Resize) -> None:
        if self.is_mounted and hasattr(self, "tiny"):
            self.lay_out()
