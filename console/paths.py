"""The folders of a user on disk: the state folder is made here, private to its owner (RUNTIME 1)."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from services.protocol.errors import ProductError
from services.settings.layout import StateLayout, accounts_folder, config_file, state_root
from services.settings.ui import UiSettings

__all__ = [
    "StateLayout",
    "accounts_folder",
    "config_file",
    "config_path",
    "make_state_folder",
    "read_ui",
    "state_root",
]

PRIVATE = 0o700


def config_path() -> Path:
    """Where this user's configuration is, whether it exists or not."""
    return config_file(os.environ)


def make_state_folder(layout: StateLayout) -> None:
    """The state folder, mode 0700. Raises ProductError when it cannot be made or does not belong to us."""
    try:
        layout.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        facts = layout.root.stat()
    except OSError as error:
        raise ProductError(
            f"state folder {layout.root}: {error.strerror or error}; name another with --state-dir"
        ) from None
    if facts.st_uid != os.geteuid():
        raise ProductError(
            f"state folder {layout.root}: it belongs to another user; name another with --state-dir"
        )
    if not os.access(layout.root, os.W_OK | os.X_OK):
        raise ProductError(f"state folder {layout.root}: it cannot be written; name another with --state-dir")
    if facts.st_mode & 0o077:
        layout.root.chmod(PRIVATE)


def read_ui(layout: StateLayout) -> UiSettings:
    """What the engine wrote of theme, keys and columns; defaults when there is nothing that can be read."""
    try:
        return msgspec.json.decode(layout.ui.read_bytes(), type=UiSettings)
    except (OSError, msgspec.MsgspecError):
        return UiSettings()
