"""What the engine reads at start and writes for consoles: the configuration file, and `ui.json`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from services.settings.errors import SettingsError
from services.settings.layout import StateLayout, config_file, named_and_missing
from services.settings.resolve import Resolved, resolve
from services.settings.toml import read_document
from services.settings.ui import UiSettings, ui_settings


def load_settings(
    profile: str,
    file: Path,
    *,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    to_start: bool = False,
) -> tuple[Resolved, UiSettings]:
    """Raises SettingsError: one line with place, key, value and what was expected. No file = the defaults;
    `to_start`: unless the environment names it. What ends risk goes on without it."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        expected = named_and_missing(file, environ or {}) if to_start else None
        if expected is not None:
            raise SettingsError("the file", None, expected, file=str(file)) from None
        return resolve(profile, overrides=overrides, environ=environ, flags=flags), UiSettings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("the file", None, f"a readable text ({error})", file=str(file)) from None
    document = read_document(text, str(file))
    found = resolve(
        profile,
        document=document.data,
        overrides=overrides,
        environ=environ,
        flags=flags,
        line_of=document.line_of,
        file=document.file,
    )
    try:
        return found, ui_settings(document.data)
    except SettingsError as error:
        raise error.at(document.file, document.line_of(tuple(error.key.split(".")))) from None


def settings_here(profile: str, *, to_start: bool = False) -> tuple[Resolved, UiSettings]:
    """Of whoever runs this process. Raises SettingsError."""
    return load_settings(profile, config_file(os.environ), environ=os.environ, to_start=to_start)


def write_ui(layout: StateLayout, ui: UiSettings) -> None:
    """`STATE/ui.json`, replaced in one step so that a console never reads half of it. Raises OSError."""
    new = layout.ui.with_suffix(".json.new")
    new.write_bytes(msgspec.json.encode(ui))
    os.replace(new, layout.ui)
