"""What keys do. Safety first: a command leaves before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from screens import format as f
from screens.columns_dialog import ColumnsDialog
from screens.dialogs import QuitDialog
from screens.draw import alerts
from screens.flatten_dialog import FlattenDialog
from screens.help import HelpDialog
from screens.resume_dialog import ResumeDialog
from screens.rooms import BY_NAME
from screens.theme_dialog import ThemeDialog
from screens.tour import Touring
from screens.widgets.commandline import Said
from screens.widgets.panes import Pane
from screens.widgets.strip import AnswerBar

Done = TypeVar("Done")


class ConsoleScreen(Touring, inherit_bindings=False):
    # ---- safety

    def action_flatten(self) -> None:
        if self.clock() >= self._quiet_until:
            self.open_dialog(FlattenDialog(self.paint, self.clock))

    def action_resume(self) -> None:
        dialog = ResumeDialog(self.paint, self.clock)
        self.open_dialog(dialog)
        if self.dialog is dialog:
            self.open_field("reason")
            self.ask_gate()

    def action_quit(self) -> None:
        self.open_dialog(QuitDialog(self.paint, self.clock))

    # ---- screens

    def action_show(self, name: str) -> None:
        self.show_room(name)

    def own_line(self, word: str, rest: str) -> bool:
        if word == "screen":
            entry = BY_NAME.get(rest) or next((each for each in BY_NAME.values() if each.key == rest), None)
            if entry is None:
                self.told_wrong(f"no screen {rest or 'named'}: {', '.join(BY_NAME)}")
                return False
            self.close_field()
            self.show_room(entry.name)
            return False
        if word == "shock":
            self.show_room("stress")
            error = self._by_room(lambda: self.room.line(rest, self))
            if error is not None:
                self.told_wrong(error)
            return error is None
        if word == "save":
            self.save_line(rest)
            return False
        self.close_field()
        if word == "theme":
            self.action_theme(rest)
        else:
            {"help": self.action_help, "tour": self.action_tour}.get(word, self.action_quit)()
        return False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A room's own key does nothing on another screen; it may be another room's key there."""
        if self.field is not None or (self.dialog is not None and action != "halt"):
            return False  # the keys are theirs; halt alone goes past a dialog
        if action == "room":
            return any(key.action == f"room('{parameters[0]}')" for key in self.keys_here())
        return super().check_action(action, parameters)

    def action_room(self, action: str) -> None:
        pane = self.active
        self._by_room(lambda: self.room.act(action, self, pane, self.panes[pane].cursor.key))

    _of_room: Said | None = None
    """What the present screen has said of itself."""

    def _by_room(self, do: Callable[[], Done]) -> Done:
        """What a screen says when a key or a line is its own goes with it: on another one it would be read as
        a figure of that."""
        before = self.said
        done = do()
        if self.said is not before:
            self._of_room = self.said
        return done

    def ask(self, prompt: str, text: str, done: Callable[[str], str | None], about: str = "") -> None:
        super().ask(prompt, text, lambda entered: self._by_room(lambda: done(entered)), about)

    def show_room(self, name: str) -> None:
        if name != self.room.name and self.said is self._of_room and not self._awaited:
            self.hush()
        super().show_room(name)

    def view(self, topic: str) -> object | None:
        return self.link.view(topic)

    def redraw(self) -> None:
        self.watch_views()
        self.lay_out()

    # ---- moving

    def action_pane(self, by: int) -> None:
        names = [name for name in self.panes if self.plan.tabs or name in self.plan.rects]
        at = names.index(self.active) if self.active in names else 0
        self.go_to(names[(at + by) % len(names)])

    def go_to(self, name: str) -> None:
        self.panes[name].rest(name != self.active and not self.room.hung_on(name))
        self.active = name
        if self.plan.tabs:
            self.lay_out()
        self.refocus()
        self.draw_panes()
        self.draw_keys()
        self.draw_command()

    def action_row(self, by: int) -> None:
        self.panes[self.active].move(by)

    def action_page(self, by: int) -> None:
        pane = self.panes[self.active]
        pane.move(by * pane.page())

    def action_detail(self) -> None:
        if self.room.detail(self.active, self.panes[self.active].cursor.key, self):
            return
        if not self.drawer_open and self.views and not self.contents.spec(self.active).detail:
            self.say("all that is known stands here")
            return
        if self.plan.tabs or self.plan.size in self.contents.spec(self.active).foot:
            self.contents.expanded = not self.contents.expanded
            self.draw_panes()
            return
        self.drawer_open = not self.drawer_open
        self.lay_out()

    def on_pane_selected(self, message: Pane.Selected) -> None:
        self.contents.touched(self.clock())
        name = message.pane.pane_name
        if name not in self.plan.rects or name not in self.panes:
            return
        if self.plan.tabs or self.plan.size in self.contents.spec(name).foot:
            self.draw_pane(name)  # the detail at its foot is another row's
        self.chosen(name)
        self.watch_views()
        if name in self.room.steers:
            self.draw_panes()

        self.draw_keys()
        if self._drawer_shows():
            self.refresh(layout=True)
            self.draw_drawer()

    def action_filter(self) -> None:
        spec = self.contents.spec(self.active)
        if spec.keyed is None:
            self.say(f"{spec.title} has no rows to filter")
            return
        self.open_field("/", self.contents.needles.get(self.active, ""))

    def action_sort(self) -> None:
        spec = self.contents.spec(self.active)
        if len(spec.sorts) < 2:
            self.say(f"{spec.title} has one order")
            return
        order = self.contents.next_sort(self.active)
        self.memory.sorts[self.active] = order
        self.remember()
        self.draw_pane(self.active)
        self.say(f"{spec.title}: by {order}" if order else f"{spec.title}: own order")

    def action_columns(self) -> None:
        """Which columns the focused pane shows."""
        pane = self.active
        spec = self.contents.spec(pane)
        if not spec.columns:
            self.say(f"{spec.title} has no columns to choose")
            return
        hidden = self.contents.hidden.get(pane, frozenset())
        dialog = ColumnsDialog(
            self.paint, self.clock, spec.title, spec.columns, hidden, partial(self._hide, pane)
        )
        self.open_dialog(dialog)

    def _hide(self, pane: str, hidden: frozenset[str]) -> None:
        self.contents.hidden[pane] = hidden
        self.memory.hidden[pane] = sorted(hidden)
        self.remember()
        if pane in self.panes:
            self.draw_pane(pane)

    def action_command(self, text: str = "") -> None:
        self.open_field(":", text)

    # ---- doing

    def action_ack(self) -> None:
        self.with_desk(self._ack)

    def _ack(self) -> None:
        desk = self.desk
        waiting = [a for a in desk.alerts if a.state == "OPEN"] if desk is not None else []
        if not waiting:
            self.say("no open alert")
            return
        found = min(waiting, key=alerts.rank)  # the one that NEEDS ME names beside the key
        if self.active == "alerts":
            chosen = self.panes["alerts"].cursor.key
            found = next((a for a in waiting if a.key == chosen), found)
        self.send("ack", {"key": found.key}, f"acknowledging: {f.clean(found.text)}")

    def action_pause(self) -> None:
        self.with_desk(self._pause)

    def _pause(self) -> None:
        desk = self.desk
        names = {name: state for name, state, _ in desk.strategies} if desk is not None else {}
        name = self.room.strategy(self.active, self.panes[self.active].cursor.key, self.views)
        if name not in names:
            name = next(iter(names)) if len(names) == 1 else ""
        if not name:
            self.open_field(":", "pause ")
        elif names[name] == "running":
            self.send("pause", {"name": name}, f"pausing {name}")
        else:
            self.open_field(":", f"enable {name} ")

    def action_theme(self, name: str = "") -> None:
        """Chooses on the screen itself; with a name at once."""
        if self.themes is None:
            return
        if len(self.themes.offered()) == 1:
            self.say(self.themes.use(name or "dark") or "there is one theme here")
        elif name:
            problem = self.themes.use(name)
            self.say(*((problem, "*warn") if problem else (self.themes.keep(name), "muted")))
        else:
            self.open_dialog(ThemeDialog(self.paint, self.clock, self.themes))

    def action_help(self) -> None:
        self.open_dialog(HelpDialog(self.paint, self.clock, self.keys, self.room.name))

    # ---- the mouse

    def on_pane_opened(self, message: Pane.Opened) -> None:
        self.action_detail()

    def on_answer_bar_chosen(self, message: AnswerBar.Chosen) -> None:
        self.show_room("desk")
        self.go_to(("risk", "positions", "positions", "positions", "alerts")[message.cell])
