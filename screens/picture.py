"""The stage's picture: every part drawn from the newest views, and where each part stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from msgspec import structs

from screens import format as f
from screens import unready
from screens.dialogs import Dialog
from screens.draw.answers import SILENT_AFTER, answers
from screens.draw.title import title
from screens.frame import INSET
from screens.ink import Line, Span, wrap
from screens.keys import WRITES, Key
from screens.layout import Rect, SizeClass
from screens.paint import Paint
from screens.places import Rects, dialog_rect, drawer_rect
from screens.room import Look
from screens.stage import Stage
from screens.widgets.commandline import spoken
from screens.widgets.footer import Below
from screens.widgets.grid import LineGrid
from screens.widgets.panes import Pane
from services.domain.enums import TradingState

FIRST = 3
"""Of a footer: as long as `:`, help and quit."""


class Picture(Stage, inherit_bindings=False):
    _alarms: tuple[int, int] | None = None  # how many were open, and since when the youngest
    _raised = 0
    """Rows that the typed line stands higher than without a long sentence below it."""
    _spoken = 0
    """Rows above the line's own one that an answer needs to be read whole; where the keys have it, all."""
    _entitled = ""
    """What the title says."""

    def lay_out(self) -> None:
        size = self.app.size
        self._shape = self.room.shape(self.views)
        self.plan = self.room.plan(size.width, size.height, self.active, self.views)
        for name, pane in self.panes.items():
            pane.display = name in self.plan.rects
        if self.active not in self.plan.rects and self.plan.size is not SizeClass.TINY:
            self.active = next(name for name in self.panes if name in self.plan.rects)
            self.refocus()
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
        mute = self.link.silence() >= SILENT_AFTER
        found = answers(
            strip,
            self.link.state,
            self.link.text,
            self.silence,
            self.context(),
            mute=mute,
            stood=self.stood,
        )
        if strip is not None:
            before, self._alarms = self._alarms, (strip.open_alarms, strip.newest_alarm_ts)
            if before is not None and any(now > then for now, then in zip(self._alarms, before, strict=True)):
                self.alarm_opened()
                if self.ui.bell:
                    self.app.bell()
        if self.plan.size is SizeClass.TINY:
            trade = found[0]
            lines = [
                Line([Span(f"{trade.glyph} {trade.word}", trade.ink)]),
                Line([Span("terminal too small", "muted")]),
            ]
            self.tiny.show([line.fitted(width) for line in lines[: self.plan.height]], width)
            return
        self._entitle()
        typing = self.field is not None or self.searching
        name, past = self.room.name, not self._was_trusted
        self.topbar.draw(strip, width, typing, self.link.read_only, self.ui.profile, name, past=past)
        self.strip_bar.draw(found, width, self.plan.answer_rows)
        self.draw_keys()

    def alarm_opened(self) -> None:
        self.strip_bar.alarm_opened()

    def _entitle(self) -> None:
        """The terminal's title. Written when it changes."""
        if self.titled is None:
            return
        lost = self.link.state != "connected" or self.link.silence() >= SILENT_AFTER
        said = title(self.strip, self.ui.profile, trusted=self.trusted, lost=lost, stood=bool(self.stood))
        if said != self._entitled:
            self._entitled = said
            self.titled(said)

    def draw_keys(self) -> None:
        """The keys that do something where the cursor stands; while a command is typed, its help."""
        width, strip = self.plan.width, self.strip
        if self.plan.size is SizeClass.TINY:
            return
        under = self.under()
        if under is not None:
            self._raise(max(self._raised, len(under.rows(width - 2)) - 1))
            self.key_bar.say(under, width, self._raised + 1)
            return
        self._raise(0)
        greyed = set()
        if strip is not None and strip.trading_state is TradingState.HALTED:
            greyed.add("halt")
        if strip is None or strip.trading_state is TradingState.ACTIVE:
            greyed.add("resume")
        if self.link.read_only:
            greyed |= WRITES
        self.key_bar.draw(self.offered(), width, frozenset(greyed))

    def _raise(self, rows: int) -> None:
        """The typed line makes room for a sentence below it. It does not come down before it is left."""
        if rows != self._raised:
            self._raised = rows
            self.refresh(layout=True)

    def keys_here(self) -> list[Key]:
        """The keys that do something on this screen."""
        return [key for key in self.keys if not key.on or self.room.name in key.on]

    def offered(self) -> list[Key]:
        """Of those the ones that have something to work on in the focused pane."""
        pane, strip, spec = self.panes[self.active], self.strip, self.contents.spec(self.active)
        alert = self.active == "alerts" or (strip is not None and strip.open_alarms + strip.open_warnings > 0)
        there = {
            "": True,
            "filter": spec.keyed is not None,
            "sorts": len(spec.sorts) > 1,
            "strategy": bool(self.room.strategy(self.active, pane.cursor.key, self.views)),
            "alert": alert,
            "row": bool(pane.cursor.key),
            "detail": bool(pane.cursor.key) and spec.detail,
            "legs": bool(self.room.legs(self.active, pane.cursor.key, self.views)),
        }
        found = [
            key
            for key in self.keys_here()
            if there[key.needs] and self.active in (key.panes or (self.active,))
        ]
        return [structs.replace(key, footer=FIRST) if self.active in key.leads else key for key in found]

    def under(self) -> Below | None:
        """What stands below the line in place of the keys; None = the keys."""
        return None

    def draw_panes(self) -> None:
        for step in self.pane_steps():
            step()

    def pane_steps(self) -> Iterator[Callable[[], None]]:
        self.contents.at(self.clock())
        if self.plan.tabs:
            self._begin()
        for name in self.panes:
            if name in self.plan.rects:
                yield from self.room.ahead(name, self.views)
            yield partial(self.draw_pane, name)
        yield self.watch_views  # another row may want another view
        yield self.draw_drawer

    def _begin(self) -> None:
        """What the others hang on stands on its first row, also while another tab shows: one may be on that
        tab before the first view has come."""
        name = self.room.panes[0].name
        if name in self.plan.rects or self.contents.selected.get(name) or not self.views:
            return
        rect = self.plan.rects[self.active]
        content = self.contents.build(name, self.views, self.plan, rect, self.context(name), "")
        key = next((row.key for row in content.rows if row.key), "")
        if key:
            self.contents.selected[name] = key
            self.room.chose(name, key)

    def draw_pane(self, name: str) -> None:
        if name not in self.panes or name not in self.plan.rects:
            return  # it does not show, or no more: another screen or size came between two steps of a frame
        rect, pane, views = self.plan.rects[name], self.panes[name], self.views
        pane.rest(name != self.active and not self.room.hung_on(name))
        contents = self.contents
        content = contents.build(name, views, self.plan, rect, self.context(name), pane.cursor.key)
        old = [topic for topic in self.room.topics() if topic in self.past]
        overdue = self.overdue()
        if not self.room.ready(views):
            width = rect.width - INSET
            content.rows = unready.rows(self.link, width, warned=not views, overdue=bool(overdue))
        if views and not self.trusted:
            content = contents.aged(content, f.coarse(int(max(self.silence, self.stood) * 1e9)))
        elif views and old:
            ts = min(int(getattr(self.link.view(topic), "ts", 0)) for topic in old)
            content = contents.aged(content, f.coarse(self.context().now - ts))
        elif overdue and self.room.ready(views):
            content = contents.aged(content, f.coarse(int(max(map(self.link.age, overdue)) * 1e9)))
        pane.draw(content, rect.width, rect.height)
        self.chosen(name)

    def chosen(self, name: str) -> None:
        """The room hears of another row than the last one."""
        key = self.panes[name].cursor.key
        before = self.contents.selected.get(name)
        if before != key:
            self.contents.selected[name] = key
            self.room.chose(name, key)
            if name == self.active and not before:
                self.draw_keys()  # its first row: now there is something for more keys to work on

    def draw_drawer(self) -> None:
        rect = self.plan.rects.get("drawer")
        if rect is None or not self._drawer_shows():
            return
        rect = self._drawer_rect(rect)
        self.drawer.draw("Detail", self._detail_lines(rect), rect.width, rect.height)

    def draw_command(self) -> None:
        width = self.plan.width
        prompt = {":": ":", "/": "/", "ask": self.prompt}.get(self.field_mode, "")
        said, needle = self.hint if prompt else self.said, self.contents.needles.get(self.active, "")
        rows = 1 if prompt else min(self._free(), spoken(said, width, self.plan.body.height))
        above = rows if (prompt or said) and self.plan.size is SizeClass.WORDS else rows - 1
        if above != self._spoken:
            self._spoken = above
            self.refresh(layout=True)
        self.command_line.draw(width, prompt, self._field_width(), said, needle, rows)

    def _free(self) -> int:
        """Rows that an answer may have: it lies over no dialog."""
        rect = self._dialog_rect(self.dialog) if self.dialog is not None else None
        end = self.plan.rects.get("command", self.plan.body).y + (self.plan.size is not SizeClass.WORDS)
        return end if rect is None else max(1, end - rect.y - rect.height)

    prompt = ""
    """What an `ask` field stands behind."""

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
        for _, _, panes in self.rooms.values():
            for pane in panes.values():
                pane.repaint(paint)
        for widget in self.query(LineGrid):
            widget.repaint(paint)

    def dim(self, dimmed: bool) -> None:
        """Everything below the answer bar, behind a dialog."""
        for widget in (*self.panes.values(), self.command_line, self.key_bar, self.drawer):
            widget.repaint(dimmed=dimmed)

    searching = False
    """The palette is open: letters belong to it."""

    def searched(self, begins: bool) -> None:
        self.searching = begins
        self.dim(begins or (self.dialog is not None and self.dialog.dims))
        self.draw_strip()

    # ---- places

    def _rects(self) -> Rects:
        rects = dict(self.plan.rects)
        drawer = rects.pop("drawer", None)
        if drawer is not None and self._drawer_shows():
            rects["drawer"] = self._drawer_rect(drawer)
        if self.plan.size is SizeClass.TINY:
            return rects
        if self._raised or self._spoken:
            command, footer = rects["command"], rects["footer"]
            rows = 1 + self._spoken - (self.plan.size is SizeClass.WORDS)
            rects["command"] = command._replace(
                y=command.y - self._raised - self._spoken, height=max(1, rows)
            )
            rects["footer"] = footer._replace(y=footer.y - self._raised, height=footer.height + self._raised)
        if self.dialog is not None:
            rects["dialog"] = self._dialog_rect(self.dialog)
        if self.field is not None:
            rects["field"] = self._field_rect()
        return rects

    def _drawer_shows(self) -> bool:
        return self.drawer_open and "drawer" in self.plan.rects and bool(self.views)

    def _detail_lines(self, rect: Rect) -> list[Line]:
        key = self.panes[self.active].cursor.key
        look = self.contents.look(self.active, self.views, self.plan, rect, self.context(self.active), key)
        found = self.contents.drawer(self.active, key, look)
        return found or wrap("Nothing is selected.", look.width, "muted")

    def look(self, pane: str) -> Look:
        """What the room may look at when one of its keys was pressed."""
        rect = self.plan.rects[pane]
        key = self.panes[pane].cursor.key
        return self.contents.look(pane, self.views, self.plan, rect, self.context(pane), key)

    def _drawer_rect(self, rect: Rect) -> Rect:
        return drawer_rect(self.plan.body, self.plan.rects[self.active], rect, len(self._detail_lines(rect)))

    def _dialog_rect(self, dialog: Dialog) -> Rect:
        said = spoken(self.said, self.plan.width, self.plan.body.height) if self.said is not None else 0
        return dialog_rect(self.plan, dialog.wish(self.plan.width), said, low=dialog.low)

    def _field_width(self) -> int:
        return max(10, self.plan.width // 2)

    def _field_rect(self) -> Rect:
        if self.field_mode in ("reason", "ticket") and self.dialog is not None:
            rect = self._dialog_rect(self.dialog)
            row = min(self.dialog.field_row or 1, rect.height - 4)
            left = 2 + self.dialog.field_column
            return Rect(rect.x + left, rect.y + row, max(4, rect.width - left - 3), 1)
        left = 2 + max(1, len(self.prompt)) if self.field_mode == "ask" else 3
        row = self.plan.rects["command"].y - self._raised - self._spoken
        return Rect(left, row, min(self._field_width(), self.plan.width - left), 1)

    # ---- events of the parts

    def on_pane_focused(self, message: Pane.Focused) -> None:
        name = message.pane.pane_name
        if name != self.active and name in self.panes and message.pane.display:
            self.active = name
            self.draw_panes()
            self.draw_keys()
            self.draw_command()
