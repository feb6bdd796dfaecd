"""What the stage asks of a person: dialogs and the field, and the commands that come of them.

It holds no trading logic: it sends what a person asked for and shows the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.await_remove import AwaitRemove

from screens import along, typed
from screens.dialogs import Dialog
from screens.draw.answers import SILENT_AFTER
from screens.flatten_dialog import FlattenDialog
from screens.paint import Paint
from screens.reconcile_dialog import ReconcileDialog
from screens.resume_dialog import ResumeDialog
from screens.sending import Sending
from screens.stage import FieldMode
from screens.theme_dialog import ThemeDialog, Themes
from screens.widgets.commandline import LineField
from services.protocol.errors import UsageError
from services.protocol.grammar import parse

AFTER_FLATTEN_S = 0.5
"""A key that bounces after the confirming `F` opens no second dialog."""

TYPED_ALONG = "enter came with the text, as out of a paste: nothing was done; enter does it"


class Asking(Sending, inherit_bindings=False):
    themes: Themes | None = None
    """The application's colours."""
    _done: Callable[[str], str | None] | None = None
    """Takes what an `ask` field has entered."""
    _going: AwaitRemove | None = None
    """The last field on its way out."""
    _later: Callable[[], None] | None = None
    """Waits for the Desk's view."""

    # ---- the Desk's view, from any screen

    def need(self, topic: str, wanted: bool) -> None:
        if wanted != (topic in self.wanted):
            self.wanted = self.wanted ^ {topic}
            self.watch_views()

    def need_desk(self, wanted: bool) -> None:
        self.need("desk", wanted)

    def with_desk(self, then: Callable[[], None]) -> None:
        """At once when the Desk's view is the present one, else when it has come."""
        if self.desk is not None or not self.trusted:
            then()
            return
        self._later = then
        self.need_desk(True)

    def desk_came(self) -> None:
        later, self._later = self._later, None
        if later is not None:
            later()
            self.need_desk(self.dialog is not None or self.field_mode == ":")

    def _each_second(self) -> None:
        super()._each_second()
        if self._later is not None and self.link.age("desk") >= SILENT_AFTER:
            self._later = None
            self.need_desk(False)
            self.say("the engine sends no view of the Desk: nothing was done", "*warn")

    # ---- dialogs

    def open_dialog(self, dialog: Dialog) -> None:
        if self.dialog is not None:
            return
        self.close_field()
        self.dialog = dialog
        self.need_desk(True)
        self.dim(dialog.dims)
        dialog.strip, dialog.desk, dialog.context = self.strip, self.desk, self.context()
        dialog.halts = self._keys_of("halt") | {"H"}
        if isinstance(dialog, FlattenDialog):
            dialog.again = self._keys_of("flatten")
        self.mounting = self.mount(dialog)
        self.refresh(layout=True)
        self.draw_command()
        self.draw_dialog()
        self.refocus()

    def _keys_of(self, name: str) -> frozenset[str]:
        return frozenset(part for key in self.keys if key.id == name for part in key.keys.split(","))

    def close_dialog(self) -> None:
        if self.dialog is None:
            return
        dialog, self.dialog = self.dialog, None
        self.close_field()
        dialog.display = False
        dialog.remove()
        self.dim(False)
        self.need_desk(False)
        self.refresh(layout=True)
        self.refocus()
        self.draw_command()

    def open(self, make: Callable[[Paint, Callable[[], float]], Dialog]) -> None:
        """What a room opens."""
        self.open_dialog(make(self.paint, self.clock))

    def action_halt(self) -> None:
        self.send("halt", {}, "halting …")

    def on_dialog_chose(self, message: Dialog.Chose) -> None:
        message.stop()
        if message.choice == "halt":
            self.action_halt()  # also from a dialog that is just leaving
            return
        if message.dialog is not self.dialog:
            return
        if self.ticket_chose(message.dialog, message.choice):
            return
        if message.choice == "read":
            self.send("reconcile", {}, "reading every venue …")
            return
        if isinstance(message.dialog, ThemeDialog) and message.choice == "kept" and self.themes is not None:
            self.say(self.themes.keep(message.dialog.kept))
        shown = getattr(message.dialog, "shown", None)
        self.close_dialog()
        if message.choice == "accept" and shown:
            self.send("reconcile accept", {"ids": " ".join(shown)}, "accepting …")
        elif message.choice == "flatten":
            self._quiet_until = self.clock() + AFTER_FLATTEN_S
            args = message.dialog.args if isinstance(message.dialog, FlattenDialog) else {}
            self.send("flatten", args, "flattening …")
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
            answer = await self.sent(step, {})
            if not answer.ok:
                self.heard(step, {}, answer)
                return
        await self.link.close()
        self.app.exit(steps[-1] if steps else "detach")

    # ---- the field

    def open_field(self, mode: FieldMode, text: str = "") -> None:
        self.close_field()
        complete = {":": self.complete, "ticket": self.complete, "reason": self._switches}.get(mode)
        self.field_mode = mode
        if mode == ":":
            self.need_desk(True)
        self.hint = None
        self.problem = ""
        self._asked = False
        history = self.history if mode == ":" else None
        self.field = field = LineField(text, complete, history, self.clock)
        if self.dialog is not None:
            field.add_class("-dialog")
        self.mounting = self.mount(field)
        self.refresh(layout=True)
        self.refocus()
        field.cursor_position = len(text)
        self.draw_strip()
        self.draw_command()

    def _switches(self, text: str) -> Sequence[str]:
        """The reason's field is the rest of a `resume` line; behind a word of it comes what may follow."""
        offers = self.complete(f"resume {text}") or self.complete(f"resume {text} ")
        return [line.removeprefix("resume ") for line in offers]

    def ask(self, prompt: str, text: str, done: Callable[[str], str | None], about: str = "") -> None:
        """A field behind a prompt. `done` gives an error to show below it, or None when it was taken."""
        self.prompt, self.about = prompt, about
        self.open_field("ask", text)
        self._done = done

    def close_field(self) -> None:
        if self.field is None:
            return
        field, self.field, self.field_mode = self.field, None, ""
        self._done = None
        field.display = False
        self._going = field.remove()
        for event in field.late:
            self.app.post_message(along.again(event))
        self.refresh(layout=True)
        if self.dialog is None:
            self.need_desk(False)
            self.refocus()
        self.draw_strip()
        self.draw_command()

    def on_line_field_left(self, message: LineField.Left) -> None:
        message.stop()
        if self.field_mode in ("reason", "ticket"):
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
        elif self.field_mode in ("ticket", "reason"):
            self.asked_typed(message.text)
        elif self.field_mode in (":", "ask"):
            self.line_typed(message.text)

    def on_line_field_entered(self, message: LineField.Entered) -> None:
        message.stop()
        field, mode, text = self.field, self.field_mode, message.text.strip()
        if mode == "/":
            self.close_field()
        elif message.at_once and not (mode == ":" and typed.harmless(text)):
            self.told_wrong(TYPED_ALONG)
        elif mode == "reason":
            self._resume_with(text)
        elif mode == "ask":
            self._entered(text)
        elif mode == "ticket":
            self.ticket_entered()
        elif mode == ":":
            if not text or self.run_line(text):
                self.close_field()
            if text and self.field is None:
                self.keep_line(text)
        if field is not None and field is self.field:
            field.unseal()

    def _entered(self, text: str) -> None:
        error = self._done(text) if self._done is not None else None
        if error is None:
            self.close_field()
        else:
            self.told_wrong(error)

    def _resume_with(self, text: str) -> None:
        refused = isinstance(self.dialog, ResumeDialog) and self.dialog.refused
        if not text or refused:
            return
        if self.run_line(f"resume {text}"):
            self.close_dialog()

    def run_line(self, text: str) -> bool:
        """Parses and sends; what cannot be parsed stays in the field with the error beside it."""
        word, _, rest = text.partition(" ")
        if word in (*typed.OURS, "q") and self.field_mode == ":":
            return self.own_line(word, rest.strip())
        try:
            command = parse(text, typed.OURS)
        except UsageError as error:
            self.told_wrong(error.text)
            return False
        args = command.args
        if command.name == "flatten":
            # Shown first, whole or in part, as by its key: `F` does it.
            what = args.get("what", "").strip()
            wrong = typed.no_such(self.desk, self.strip, what) if self.desk is not None else ""
            if wrong:
                self.told_wrong(wrong)
                return False
            self.call_after_refresh(self.open_dialog, FlattenDialog(self.paint, self.clock, what))
            return True
        if command.name in ("buy", "sell", "pair open"):
            # An order leaves by the ticket's own key, never by a line alone.
            self.close_field()
            later = self._ticket_of(text.removeprefix(":").strip(), self._going)
            self.run_worker(later, name="ticket", group="ticket", exit_on_error=False)
            return False
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

    async def _ticket_of(self, text: str, gone: AwaitRemove | None) -> None:
        """Two fields never stand at once: the line's has to be gone before the ticket's comes."""
        if gone is not None:
            await gone
        self.open_ticket(text)

    def open_ticket(self, text: str) -> None:
        """The ticket with this line in it."""
        raise NotImplementedError  # the floor above has the ticket

    def asked_typed(self, text: str) -> None:
        raise NotImplementedError  # as above

    def ticket_entered(self) -> None:
        raise NotImplementedError  # as above

    def ticket_chose(self, dialog: Dialog, choice: str) -> bool:
        raise NotImplementedError  # as above
