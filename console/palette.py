"""The command palette (`ctrl+p`): every key and every command by name. Imported when it is first opened."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.app import SystemCommand

from screens.acts import ConsoleScreen
from screens.rooms import ROOMS
from services.protocol.commands import SPECS


def system_commands(desk: ConsoleScreen) -> Iterator[SystemCommand]:
    """Keys first, as on the footer; then the commands, which open the line with their name typed."""
    for title, help_text, run in (
        ("Halt", "At once, no question", desk.action_halt),
        ("Flatten", "Shows what would be closed; F does it", desk.action_flatten),
        ("Resume", "Asks for the reason", desk.action_resume),
        ("Acknowledge", "The selected alert, else the first open one", desk.action_ack),
        ("Pause or enable", "The strategy of the selected row", desk.action_pause),
        ("Theme", "Choose on the screen itself", desk.action_theme),
        ("Help", "Keys, commands, signs", desk.action_help),
        ("Quit", "Detach, stop, or flatten and stop", desk.action_quit),
    ):
        yield SystemCommand(title, help_text, run)
    for entry in ROOMS:
        yield SystemCommand(f"{entry.key} {entry.title}", entry.help, partial(desk.show_room, entry.name))
    for spec in SPECS:
        if spec.line:
            yield SystemCommand(f":{spec.name}", spec.help, partial(desk.action_command, spec.name + " "))
