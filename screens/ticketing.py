"""Tickets and the resume on the stage: opens them, asks the engine while one types, sends what was
confirmed."""

from __future__ import annotations

from asyncio import TimerHandle
from collections.abc import Coroutine
from typing import Any

from screens.asked import ASK_AFTER_S, AskedDialog
from screens.dialogs import Dialog
from screens.following import Following
from screens.later import after
from screens.link import Answer
from screens.pair_ticket import PairTicketDialog
from screens.ticket import Ticket, TicketDialog
from screens.widgets.commandline import LineField


class Ticketing(Following, inherit_bindings=False):
    _ask_timer: TimerHandle | None = None

    def action_ticket(self) -> None:
        """`o`: for the instrument of the selected row."""
        name = self.room.instrument(self.active, self.panes[self.active].cursor.key, self.views)
        self.open_ticket(f"buy {name} " if name else "buy ")

    def action_pair_ticket(self) -> None:
        """`O`: for the legs of the selected row."""
        legs = self.room.legs(self.active, self.panes[self.active].cursor.key, self.views)
        self.open_ticket(" ".join(("pair open", *legs, "")))

    def open_ticket(self, text: str) -> None:
        if self.link.read_only:
            self.say("read-only console: it sends no orders", "*warn")
            return
        if self.dialog is not None:
            return
        kind = PairTicketDialog if text.startswith("pair ") else TicketDialog
        self.open_dialog(kind(self.paint, self.clock, text))
        self.open_field("ticket", text)
        self.ask_gate()

    def asked_typed(self, text: str) -> None:
        if isinstance(self.dialog, AskedDialog):
            self.dialog.typed(text)
            self.draw_dialog()
            if self._ask_timer is not None:
                self._ask_timer.cancel()
            self._ask_timer = after(self, ASK_AFTER_S, self.ask_gate)

    def on_line_field_paged(self, message: LineField.Paged) -> None:
        message.stop()
        if isinstance(self.dialog, Ticket):
            self.dialog.turn(message.by)

    def ticket_entered(self) -> None:
        dialog = self.dialog
        if isinstance(dialog, Ticket):
            if dialog.enter():
                self.close_field()
                dialog.focus()
            else:
                self.ask_gate()
            self.draw_dialog()

    def ask_gate(self) -> None:
        """What the engine would say now to the line that stands in the dialog."""
        self._ask_timer = None
        dialog = self.dialog
        if not isinstance(dialog, AskedDialog) or self.link.read_only:
            return
        question = dialog.question()
        if question is None:
            return
        waiting = self.link.send(dialog.asks, question)
        self.run_worker(
            self._told(dialog, dialog.text, waiting), name="preview", group="preview", exit_on_error=False
        )

    async def _told(self, dialog: AskedDialog[Any], text: str, waiting: Coroutine[Any, Any, Answer]) -> None:
        answer = await waiting
        if self.dialog is dialog:
            dialog.heard(text, answer)
            self.draw_dialog()

    def ticket_chose(self, dialog: Dialog, choice: str) -> bool:
        """A key of a ticket; False = it is none of it."""
        if not isinstance(dialog, Ticket) or choice not in ("send", "edit"):
            return False
        command = dialog.command()
        if choice == "send" and dialog.armed and dialog.allowed and command is not None:
            self.close_dialog()
            self.send(command.name, command.args, f"{command.name} …")
        elif choice == "edit":
            dialog.armed = False
            self.open_field("ticket", dialog.text)
            self.draw_dialog()
        return True

    def _each_second(self) -> None:
        super()._each_second()
        self.ask_gate()
