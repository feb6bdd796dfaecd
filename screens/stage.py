"""The stage of the Desk screen: places the parts and feeds them views at the frame cap.

It draws what the link has and decides nothing. What keys do is in `screens/desk.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.timer import Timer

from screens import format as f
from screens.contents import Contents
from screens.dialogs import Dialog
from screens.draw.answers import SILENT_AFTER, answers, tightest
from screens.draw.context import Context
from screens.ink import Line, Span
from screens.keys import Key
from screens.layout import PANES, Needs, Plan, Rect, SizeClass, plan
from screens.link import LINK, Link
from screens.paint import Paint
from screens.places import PlanLayout
from screens.ui import Terminal, UiSettings
from screens.widgets.commandline import CommandLine, LineField, Said
from screens.widgets.drawer import Drawer
from screens.widgets.footer import KeyBar
from screens.widgets.grid import LineGrid
from screens.widgets.panes import Pane
from screens.widgets.strip import AnswerBar
from screens.widgets.topbar import TopBar
from services.domain.enums import TradingState
from services.views.desk import DeskView
from services.views.strip import StripView

FieldMode = Literal["", ":", "/", "reason"]


class DeskStage(Screen[None], inherit_bindings=False):
    def __init__(
        self,
        link: Link,
        ui: UiSettings,
        terminal: Terminal,
        paint: Paint,
        keys: Sequence[Key],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(id="desk")
        self.link, self.ui, self.terminal, self.keys, self.clock = link, ui, terminal, keys, clock
        self.paint = paint
        self.contents = Contents()
        self.active = PANES[0]
        self.plan: Plan = plan(80, 24)
        self.dialog: Dialog | None = None
        self.field: LineField | None = None
        self.field_mode: FieldMode = ""
        self.drawer_open = False
        self.said: Said | None = None
        self.hint: Said | None = None
        self.history: list[str] = []
        self._dirty: set[str] = set()
        self._frame: Timer | None = None
        self._last_frame = -1.0
        self._alarms: int | None = None
        self._quiet_until = -1.0
        self._unlisten: Callable[[], None] | None = None
        self.styles.set_rule("layout", PlanLayout(self._rects))

    # ---- parts

    def compose(self) -> ComposeResult:
        paint = self.paint
        yield TopBar(paint, id="topbar")
        yield AnswerBar(paint, id="strip")
        for name in PANES:
            yield Pane(name, paint)
        yield CommandLine(paint, id="command")
        yield KeyBar(paint, id="footer")
        yield Drawer(paint, id="drawer")
        yield LineGrid(paint, id="tiny")

    def on_mount(self) -> None:
        self.topbar = self.query_one("#topbar", TopBar)
        self.strip_bar = self.query_one("#strip", AnswerBar)
        self.panes = {name: self.query_one(f"#{name}", Pane) for name in PANES}
        self.command_line = self.query_one("#command", CommandLine)
        self.key_bar = self.query_one("#footer", KeyBar)
        self.drawer = self.query_one("#drawer", Drawer)
        self.tiny = self.query_one("#tiny", LineGrid)
        self._unlisten = self.link.listen(self._changed)
        self.link.watch(("strip", "desk"), float(self.terminal.fps))
        self.set_interval(1.0, self._each_second)
        self.lay_out()
        self.panes[self.active].focus()
        self.call_after_refresh(self.link.start)

    def on_unmount(self) -> None:
        if self._unlisten is not None:
            self._unlisten()

    # ---- views

    @property
    def strip(self) -> StripView | None:
        view = self.link.view("strip")
        return view if isinstance(view, StripView) else None

    @property
    def desk(self) -> DeskView | None:
        view = self.link.view("desk")
        return view if isinstance(view, DeskView) else None

    @property
    def trusted(self) -> bool:
        """The engine speaks; what is shown is the present."""
        return self.link.state == "connected" and self.link.silence() < SILENT_AFTER

    def context(self, pane: str = "") -> Context:
        strip, desk = self.strip, self.desk
        now = strip.ts if strip is not None else desk.ts if desk is not None else 0
        return Context(
            now=now,
            remote=self.terminal.remote,
            needle=self.contents.needles.get(pane, "").casefold(),
            sort=self.contents.sort(pane),
            tightest=tightest(strip),
            naked_is_late=strip is None or not strip.naked_within_timeout,
        )

    def _changed(self, topic: str) -> None:
        """New data: painted at the frame cap, and at once when the last frame is long ago."""
        self._dirty.add(topic)
        if self._frame is None and self.is_attached:
            wait = self._last_frame + 1 / self.terminal.fps - self.clock()
            self._frame = self.set_timer(max(0.001, wait), self._paint_data)

    def _paint_data(self) -> None:
        self._frame = None
        self._last_frame = self.clock()
        dirty, self._dirty = self._dirty, set()
        if LINK in dirty:
            self.draw_all()
            return
        if "strip" in dirty:
            self.draw_strip()
        if "desk" in dirty:
            if self.contents.needs(self.desk, self.plan) != self._needs:
                self.lay_out()
            else:
                self.draw_panes()
        if self.dialog is not None:
            self.draw_dialog()

    def _each_second(self) -> None:
        """The engine's silence is seen without a word from it."""
        if self.strip is not None and (not self.trusted or not self._was_trusted):
            self.draw_all()

    # ---- drawing

    _needs = Needs()
    _was_trusted = False

    def lay_out(self) -> None:
        """A new size, another active pane, other needs: everything goes to its place."""
        size = self.app.size
        self._needs = self.contents.needs(self.desk, self.plan)
        self.plan = plan(size.width, size.height, self.active, self._needs)
        for name in PANES:
            self.panes[name].display = name in self.plan.rects
        self.drawer.display = self._drawer_shows()
        self.tiny.display = self.plan.size is SizeClass.TINY
        for widget in (self.topbar, self.strip_bar, self.command_line, self.key_bar):
            widget.display = not self.tiny.display
        self.draw_all()
        self.refresh(layout=True)

    def draw_all(self) -> None:
        self.draw_strip()
        self.draw_panes()
        self.draw_command()
        self.draw_dialog()

    def draw_strip(self) -> None:
        width, strip = self.plan.width, self.strip
        self._was_trusted = self.trusted
        found = answers(strip, self.link.state, self.link.text, self.link.silence(), self.context())
        if strip is not None:
            if self._alarms is not None and strip.open_alarms > self._alarms:
                self.strip_bar.alarm_opened()
                if self.ui.bell:
                    self.app.bell()
            self._alarms = strip.open_alarms
        if self.plan.size is SizeClass.TINY:
            trade = found[0]
            lines = [
                Line([Span(f"{trade.glyph} {trade.word}", trade.ink)]),
                Line([Span("terminal too small", "muted")]),
            ]
            self.tiny.show([line.fitted(width) for line in lines[: self.plan.height]], width)
            return
        self.topbar.draw(strip, width, self.field is not None, self.link.read_only, self.ui.profile)
        self.strip_bar.draw(found, width, self.plan.answer_rows)
        greyed = set()
        if strip is not None and strip.trading_state is TradingState.HALTED:
            greyed.add("halt")
        if strip is None or strip.trading_state is TradingState.ACTIVE:
            greyed.add("resume")
        if self.link.read_only:
            greyed |= {"halt", "flatten", "resume", "pause", "ack"}
        self.key_bar.draw(self.keys, width, frozenset(greyed))

    def draw_panes(self) -> None:
        self.contents.at(self.clock())
        for name in PANES:
            if name in self.plan.rects:
                self.draw_pane(name)
        self.draw_drawer()

    def draw_pane(self, name: str) -> None:
        rect = self.plan.rects[name]
        pane = self.panes[name]
        content = self.contents.build(name, self.desk, self.plan, rect, self.context(name), pane.cursor.key)
        if not self.trusted and self.desk is not None:
            content = self.contents.aged(content, f.coarse(int(self.link.silence() * 1e9)))
        pane.draw(content, rect.width, rect.height)

    def draw_drawer(self) -> None:
        rect = self.plan.rects.get("drawer")
        if rect is None or not self._drawer_shows() or self.desk is None:
            return
        rect = self._drawer_rect(rect)
        key = self.panes[self.active].cursor.key
        lines = self.contents.drawer(self.active, self.desk, key, rect.width - 4, self.context(self.active))
        self.drawer.draw("Detail", lines, rect.width, rect.height)

    def draw_command(self) -> None:
        width = self.plan.width
        prompt = {":": ":", "/": "/"}.get(self.field_mode, "")
        said = self.hint if prompt else self.said
        self.command_line.draw(
            width, prompt, self._field_width(), said, self.contents.needles.get(self.active, "")
        )

    def draw_dialog(self) -> None:
        dialog = self.dialog
        if dialog is None or self.plan.size is SizeClass.TINY:
            return
        dialog.strip, dialog.desk, dialog.context = self.strip, self.desk, self.context()
        rect = self._dialog_rect(dialog)
        if dialog.is_mounted and (dialog.size.width, dialog.size.height) != (rect.width, rect.height):
            self.refresh(layout=True)
        dialog.draw(rect.width, rect.height)

    def repaint(self, paint: Paint) -> None:
        """Another palette."""
        self.paint = paint
        for widget in self.query(LineGrid):
            widget.repaint(paint)

    def dim(self, dimmed: bool) -> None:
        """Everything below the answer bar, behind a dialog."""
        for widget in (*self.panes.values(), self.command_line, self.key_bar, self.drawer):
            widget.repaint(dimmed=dimmed)

    # ---- places

    def _rects(self) -> dict[str, Rect]:
        rects = dict(self.plan.rects)
        drawer = rects.pop("drawer", None)
        if drawer is not None and self._drawer_shows():
            rects["drawer"] = self._drawer_rect(drawer)
        if self.plan.size is SizeClass.TINY:
            return rects
        if self.dialog is not None:
            rects["dialog"] = self._dialog_rect(self.dialog)
        if self.field is not None:
            rects["field"] = self._field_rect()
        return rects

    def _drawer_shows(self) -> bool:
        return self.drawer_open and "drawer" in self.plan.rects and self.desk is not None

    def _drawer_rect(self, rect: Rect) -> Rect:
        """As tall as its lines need; over what stands below positions, never over the selected row's pane."""
        if self.desk is None:
            return rect
        key = self.panes[self.active].cursor.key
        lines = self.contents.drawer(self.active, self.desk, key, rect.width - 4, self.context(self.active))
        top = self.plan.rects["positions"].y if self.active in ("risk", "alerts") else rect.y
        bottom = rect.y if self.active in ("risk", "alerts") else rect.y + rect.height
        height = max(4, min(len(lines) + 2, bottom - top))
        return Rect(rect.x, bottom - height, rect.width, height)

    def _dialog_rect(self, dialog: Dialog) -> Rect:
        top = 1 + self.plan.answer_rows
        room = max(3, self.plan.height - top - (1 if self.plan.tabs else 2))
        width, lines = dialog.wish(self.plan.width)
        height = min(lines, room)
        return Rect((self.plan.width - width) // 2, top + max(0, (room - height) // 3), width, height)

    def _field_width(self) -> int:
        return max(10, self.plan.width // 2)

    def _field_rect(self) -> Rect:
        if self.field_mode == "reason" and self.dialog is not None:
            rect = self._dialog_rect(self.dialog)
            row = min(self.dialog.field_row or 1, rect.height - 4)
            left = 2 + self.dialog.field_column
            return Rect(rect.x + left, rect.y + row, max(4, rect.width - left - 3), 1)
        return Rect(3, self.plan.rects["command"].y, min(self._field_width(), self.plan.width - 3), 1)

    # ---- events of the parts

    def on_resize(self, event: events.Resize) -> None:
        if self.is_mounted and hasattr(self, "panes"):
            self.lay_out()

    def on_pane_focused(self, message: Pane.Focused) -> None:
        if message.pane.pane_name != self.active and message.pane.display:
            self.active = message.pane.pane_name
            self.draw_panes()
            self.draw_command()

    def on_pane_selected(self, message: Pane.Selected) -> None:
        self.contents.touched(self.clock())
        self.draw_pane(message.pane.pane_name)
        if self._drawer_shows():
            self.refresh(layout=True)
            self.draw_drawer()
