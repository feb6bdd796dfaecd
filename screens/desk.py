"""The Desk screen: what its keys do. Safety first: a command leaves before anything is drawn.

It holds no trading logic: it sends what a person asked for and shows the answer.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from screens import format as f
from screens import typed
from screens.dialogs import Dialog, FlattenDialog, QuitDialog, ResumeDialog
from screens.help import HelpDialog
from screens.layout import PANES
from screens.link import Answer
from screens.outcome import said
from screens.reconcile_dialog import ReconcileDialog
from screens.stage import DeskStage, FieldMode
from screens.widgets.commandline import LineField
from screens.widgets.panes import Pane
from screens.widgets.strip import AnswerBar
from services.protocol.errors import UsageError
from services.protocol.grammar import complete, parse
from themes import glyphs as g

AFTER_FLATTEN_S = 0.5
"""A key that bounces after the confirming `F` opens no second dialog."""


class DeskScreen(DeskStage, inherit_bindings=False):
    # ---- commands

    def send(self, name: str, args: Mapping[str, str], doing: str) -> None:
        """One command on its way. `doing` is shown until its answer is there."""
        if self.link.read_only:
            self.say(f"read-only console: {name} was not sent", "*warn")
            return
        # On the wire first; painting and waiting come after.
        waiting = self.link.send(name, args, lambda text: self.say(text, "muted"))
        self.run_worker(
            self._hear(name, dict(args), waiting), name=name, group="commands", exit_on_error=False
        )
        self.say(doing, "muted")

    async def _hear(self, name: str, args: dict[str, str], waiting: Coroutine[Any, Any, Answer]) -> Answer:
        answer = await waiting
        self.heard(name, args, answer)
        return answer

    def heard(self, name: str, args: Mapping[str, str], answer: Answer) -> None:
        text = said(name, args, answer)
        strip = self.strip
        at = f"{f.clock(strip.ts)} " if strip is not None else ""
        if answer.ok:
            tick = "ok" if self.terminal.ascii else g.TICK
            self.say(f"{tick} {at}{text}", "muted")
        else:
            self.say(f"{g.ALARM} {text}", "*alarm" if answer.exit not in (2, 4) else "*warn")

    def say(self, text: str, ink: str = "muted") -> None:
        self.said = (text, ink)
        if self.is_attached:
            self.draw_command()

    # ---- safety

    def action_halt(self) -> None:
        self.send("halt", {}, "halting …")

    def action_flatten(self) -> None:
        if self.clock() >= self._quiet_until:
            self.open_dialog(FlattenDialog(self.paint, self.clock))

    def action_resume(self) -> None:
        dialog = ResumeDialog(self.paint, self.clock)
        self.open_dialog(dialog)
        if self.dialog is dialog:
            self.open_field("reason")

    def action_quit(self) -> None:
        self.open_dialog(QuitDialog(self.paint, self.clock))

    # ---- dialogs

    def open_dialog(self, dialog: Dialog) -> None:
        if self.dialog is not None:
            return
        self.close_field()
        self.dialog = dialog
        self.dim(True)
        dialog.strip, dialog.desk, dialog.context = self.strip, self.desk, self.context()
        self.mount(dialog)
        self.refresh(layout=True)
        self.draw_dialog()
        dialog.focus()

    def close_dialog(self) -> None:
        if self.dialog is None:
            return
        dialog, self.dialog = self.dialog, None
        self.close_field()
        dialog.remove()
        self.dim(False)
        self.refresh(layout=True)
        self.panes[self.active].focus()

    def on_dialog_chose(self, message: Dialog.Chose) -> None:
        message.stop()
        if message.dialog is not self.dialog:
            return
        if message.choice == "halt":
            self.action_halt()
            return
        if message.choice == "read":
            self.send("reconcile", {}, "reading every venue …")
            return
        shown = getattr(message.dialog, "shown", None)
        self.close_dialog()
        if message.choice == "accept" and shown:
            self.send("reconcile accept", {"ids": " ".join(shown)}, "accepting …")
        elif message.choice == "flatten":
            self._quiet_until = self.clock() + AFTER_FLATTEN_S
            self.send("flatten", {}, "flattening …")
        elif message.choice == "detach":
            self.run_worker(self._leave(()), name="leave", group="leave", exit_on_error=False)
        elif message.choice in ("stop", "flatten_stop"):
            steps = ("stop",) if message.choice == "stop" else ("flatten", "stop")
            self._quiet_until = self.clock() + AFTER_FLATTEN_S
            if self.link.read_only:
                self.say("read-only console: stop was not sent", "*warn")
            else:
                self.run_worker(self._leave(steps), name="leave", group="leave", exit_on_error=False)

    async def _leave(self, steps: Sequence[str]) -> None:
        """Sends the steps in order and leaves when all are done; one that fails keeps the console open."""
        for step in steps:
            self.say(f"{step} …", "muted")
            answer = await self.link.send(step, {}, lambda text: self.say(text, "muted"))
            if not answer.ok:
                self.heard(step, {}, answer)
                return
        await self.link.close()
        self.app.exit(steps[-1] if steps else "detach")

    # ---- the field

    def open_field(self, mode: FieldMode, text: str = "") -> None:
        self.close_field()
        complete = self.complete if mode == ":" else None
        self.field_mode = mode
        self.hint = None
        self.field = field = LineField(text, complete, self.history if mode == ":" else None)
        if self.dialog is not None:
            field.add_class("-dialog")
        self.mount(field)
        self.refresh(layout=True)
        field.focus()
        field.cursor_position = len(text)
        self.draw_strip()
        self.draw_command()

    def close_field(self) -> None:
        if self.field is None:
            return
        field, self.field, self.field_mode = self.field, None, ""
        field.remove()
        self.refresh(layout=True)
        if self.dialog is None:
            self.panes[self.active].focus()
        self.draw_strip()
        self.draw_command()

    def on_line_field_left(self, message: LineField.Left) -> None:
        message.stop()
        if self.field_mode == "reason":
            self.close_dialog()
            return
        if self.field_mode == "/":
            self.contents.needles.pop(self.active, None)
            self.draw_panes()
        self.close_field()

    def on_line_field_typed(self, message: LineField.Typed) -> None:
        message.stop()
        if self.field_mode == "/":
            self.contents.needles[self.active] = message.text
            self.draw_panes()
        elif self.field_mode == ":":
            self.hint = typed.hint(message.text)
            self.draw_command()

    def on_line_field_entered(self, message: LineField.Entered) -> None:
        message.stop()
        mode, text = self.field_mode, message.text.strip()
        if mode == "/":
            self.close_field()
        elif mode == "reason":
            self._resume_with(text)
        elif mode == ":" and (not text or self.run_line(text)):
            self.close_field()

    def _resume_with(self, text: str) -> None:
        if not text:
            return
        if self.run_line(f"resume {text}"):
            self.close_dialog()

    def run_line(self, text: str) -> bool:
        """Parses and sends; what cannot be parsed stays in the field with the error beside it."""
        if text in ("q", "quit", "help", "theme"):
            self.close_field()
            {
                "q": self.action_quit,
                "quit": self.action_quit,
                "help": self.action_help,
                "theme": self.action_theme,
            }[text]()
            return False
        try:
            command = parse(text)
        except UsageError as error:
            self.hint = (error.text, "*warn")
            if self.field_mode == "reason":
                self.say(error.text, "*warn")
            self.draw_command()
            return False
        args = command.args
        if command.name == "reconcile accept" and not args:
            # Accepting names what this screen shows: a line that came after it is nobody's word.
            shown = [line.id for line in self.desk.differences if line.waits] if self.desk is not None else []
            if not shown:
                self.say("no difference is shown: nothing to accept", "*warn")
                return True
            args = {"ids": " ".join(shown)}
        self.send(command.name, args, f"{command.name} …")
        if command.name == "reconcile":
            self.call_after_refresh(self.open_dialog, ReconcileDialog(self.paint, self.clock))
        return True

    def complete(self, text: str) -> Sequence[str]:
        return complete(text, lambda takes: typed.candidates(takes, self.desk, self.strip))

    # ---- moving

    def action_pane(self, by: int) -> None:
        self.go_to(PANES[(PANES.index(self.active) + by) % len(PANES)])

    def go_to(self, name: str) -> None:
        self.active = name
        if self.plan.tabs:
            self.lay_out()
        self.panes[name].focus()
        self.draw_panes()
        self.draw_command()

    def action_row(self, by: int) -> None:
        self.panes[self.active].move(by)

    def action_page(self, by: int) -> None:
        pane = self.panes[self.active]
        pane.move(by * pane.page())

    def action_detail(self) -> None:
        if self.active == "alerts" and self.panes["alerts"].cursor.key.partition(":")[0] == "reconcile":
            self.open_dialog(ReconcileDialog(self.paint, self.clock))
            return
        if self.plan.tabs:
            self.contents.expanded = not self.contents.expanded
            self.draw_panes()
            return
        self.drawer_open = not self.drawer_open
        self.lay_out()

    def action_filter(self) -> None:
        self.open_field("/", self.contents.needles.get(self.active, ""))

    def action_sort(self) -> None:
        order = self.contents.next_sort(self.active)
        self.draw_pane(self.active)
        self.say(f"{self.active}: by {order}" if order else f"{self.active}: own order")

    def action_command(self, text: str = "") -> None:
        self.open_field(":", text)

    # ---- doing

    def action_ack(self) -> None:
        desk = self.desk
        waiting = [a for a in desk.alerts if a.state == "OPEN"] if desk is not None else []
        if not waiting:
            self.say("no open alert")
            return
        chosen = self.panes["alerts"].cursor.key
        keys = [a.key for a in waiting]
        key = chosen if self.active == "alerts" and chosen in keys else self._first_alert(keys)
        text = next(a.text for a in waiting if a.key == key)
        self.send("ack", {"key": key}, f"acknowledging: {f.clean(text)}")

    def _first_alert(self, keys: Sequence[str]) -> str:
        shown = [row.key for row in self.panes["alerts"].content.rows if row.key in keys]
        return shown[0] if shown else keys[0]

    def action_pause(self) -> None:
        desk = self.desk
        names = {name: state for name, state, _ in desk.strategies} if desk is not None else {}
        name = self._strategy_of_row()
        if name not in names:
            name = next(iter(names)) if len(names) == 1 else ""
        if not name:
            self.open_field(":", "pause ")
        elif names[name] == "running":
            self.send("pause", {"name": name}, f"pausing {name}")
        else:
            self.open_field(":", f"enable {name} ")

    def _strategy_of_row(self) -> str:
        desk, key = self.desk, self.panes[self.active].cursor.key
        if desk is None or self.active != "positions":
            return ""
        return next((p.strategy for p in desk.positions if p.key == key), "")

    def action_copy(self) -> None:
        pane = self.panes[self.active]
        row = next((r for r in pane.content.rows if r.key and r.key == pane.cursor.key), None)
        if row is None:
            self.say("nothing to copy")
            return
        text = " ".join(" ".join(line.plain.split()) for line in row.lines)
        self.app.copy_to_clipboard(text)
        self.say(f"copied: {text}")

    def action_theme(self) -> None:
        self.app.run_worker(self.app.run_action("app.next_palette"), exit_on_error=False)

    def action_help(self) -> None:
        self.open_dialog(HelpDialog(self.paint, self.clock, self.keys))

    # ---- the mouse

    def on_pane_opened(self, message: Pane.Opened) -> None:
        self.action_detail()

    def on_answer_bar_chosen(self, message: AnswerBar.Chosen) -> None:
        self.go_to(("risk", "positions", "positions", "positions", "alerts")[message.cell])
