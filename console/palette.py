"""The command palette (`ctrl+p`): every key and every command by name, from the tables themselves.

Imported when it is first opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.app import SystemCommand
from textual.command import CommandInput, CommandList, CommandPalette

from screens.acts import ConsoleScreen
from screens.rooms import ROOMS
from screens.typed import OWN_HELP
from services.protocol.commands import SPECS


class Finder(CommandPalette):
    """Textual's palette. A page key before its list was ever laid out ends that one with a KeyError."""

    def on_mount(self) -> None:
        self.query_one(CommandInput).cursor_blink = False

    def _action_command_list(self, action: str) -> None:
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
