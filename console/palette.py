"""The command palette (`ctrl+p`): every key and every command by name, from the tables themselves.

Imported when it is first opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual import events
from textual.app import SystemCommand
from textual.command import CommandInput, CommandList, CommandPalette
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option
from textual.worker import Worker

from screens.acts import ConsoleScreen
from screens.rooms import ROOMS
from screens.typed import OWN_HELP
from services.protocol.commands import SPECS

LATE = (
    events.Timer,
    Input.Changed,
    Input.Submitted,
    OptionList.OptionHighlighted,
    OptionList.OptionSelected,
)
"""What a palette that has been left may still be told."""


class Finder(CommandPalette):
    """Textual's palette, which ends the whole program in two ways: by a page key before its list was ever
    laid out, and by what it hears (its own timer, a second `enter`) after its parts were taken away. And
    until a search is done it shows the list of the one before, of which `enter` would run the first."""

    _search: Worker[None] | None = None
    """For what is typed now."""
    _entered = False
    """`enter` came before that was done: it is for what will be found."""

    def on_mount(self) -> None:
        self.query_one(CommandInput).cursor_blink = False

    @property
    def _open(self) -> bool:
        return self.is_current and bool(self.query(CommandList))

    async def _on_message(self, message: Message) -> None:
        if not self._open and isinstance(message, LATE):
            return
        if isinstance(message, Input.Changed):
            self._entered = False
        if isinstance(message, Input.Submitted) and self._search is not None and not self._search.is_finished:
            self._entered = True
            return
        await super()._on_message(message)
        done = isinstance(message, Worker.StateChanged) and message.worker is self._search
        if done and self._entered and self._open and self._search is not None and self._search.is_finished:
            self._entered = False
            self._select_or_command()

    def _gather_commands(self, search_value: str) -> Worker[None]:
        self._search = found = super()._gather_commands(search_value)
        return found

    def _start_no_matches_countdown(self, search_value: str) -> None:
        """At once: for half a second an empty list would say nothing."""
        self._stop_no_matches_countdown()
        self._list_visible = bool(search_value)
        if search_value:
            words = Option("No key and no command matches.", disabled=True, id=self._NO_MATCHES)
            self.query_one(CommandList).add_option(words)

    def _watch__list_visible(self) -> None:
        if self._open:
            super()._watch__list_visible()

    async def _watch__show_busy(self) -> None:
        if self._open:
            await super()._watch__show_busy()

    def _action_cursor_down(self) -> None:
        if self._open:
            super()._action_cursor_down()

    def _action_command_list(self, action: str) -> None:
        if not self._open:
            return
        commands = self.query_one(CommandList)
        if commands.display and commands.option_count and commands.size.height:
            super()._action_command_list(action)


def system_commands(desk: ConsoleScreen) -> Iterator[SystemCommand]:
    """Keys first, then screens, then commands, which open the line with their name typed."""
    for key in desk.keys_here():
        if key.id != "palette" and key.action.split("(")[0] != "show":
            yield SystemCommand(f"{key.id}  {key.shown}", key.help, partial(desk.run_action, key.action))
    for entry in ROOMS:
        yield SystemCommand(f"{entry.key} {entry.title}", entry.help, partial(desk.show_room, entry.name))
    for spec in SPECS:
        if spec.line:
            yield SystemCommand(f":{spec.name}", spec.help, partial(desk.action_command, spec.name + " "))
    for word, line in OWN_HELP.items():
        yield SystemCommand(f":{word}", line.partition(": ")[2], partial(desk.action_command, word + " "))
