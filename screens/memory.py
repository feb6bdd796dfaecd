"""What a console remembers of its person from one start to the next: columns, orders, what was told once.

It belongs to the profile, lies beside the engine's files and matters to nothing but the look of a screen.
"""

from __future__ import annotations

from msgspec import Struct

HISTORY = 200
"""Lines of the `:` line that are kept."""


class Memory(Struct, kw_only=True):
    hidden: dict[str, list[str]] = {}
    """Pane -> columns that are not shown."""
    sorts: dict[str, str] = {}
    """Pane -> its order."""
    told: list[str] = []
    """What was shown once and is not shown again (`tour`)."""
    theme: str = ""
    """Kept in the theme dialog; holds while the configuration says `auto`."""
    history: list[str] = []
    """Lines of the `:` line, oldest first."""
