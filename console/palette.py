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
    laid out, and by what it hears (its own timer, a second `enter`) after its parts were taken away."""

    def on_mount(self) -> None:
        self.query_one(CommandInput).cursor_blink = False

    @property
    def _open(self) -> bool:
        return self.is_current and bool(self.query(CommandList))

    async def _on_message(self, message: Message) -> None:
        if self._open or not isinstance(message, LATE):
            await super()._on_message(message)

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
