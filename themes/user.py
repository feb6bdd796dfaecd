"""Themes of a person's own: `themes/NAME.toml` beside the configuration file.

A theme starts from one of ours and names what it changes:

    base = "dark"
    title = "my night"
    [colors]
    accent = "#ffcc00"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import structs

from themes.palette import PALETTES
from themes.tokens import TEXT_GROUNDS, TEXT_TOKENS, Palette, contrast

NAME = re.compile(r"[a-z][a-z0-9-]{0,23}")
LEAST = 3.0
"""Contrast of a word on any ground it may stand on: below it an alarm could not be read."""

_COLOR = re.compile(r"#[0-9a-f]{6}")
_KEYS = ("base", "title", "colors")
_BASES = tuple(name for name, palette in PALETTES.items() if not palette.native)


class ThemeError(Exception):
    """One line: file, key, value, what was expected."""

    def __init__(self, file: Path, key: str, expected: str, value: object = None) -> None:
        shown = "" if value is None else f' = "{str(value)[:40]}"'
        super().__init__(f"{file}: {key}{shown}: expected {expected}")


def names(folder: Path) -> list[str]:
    """Themes that lie there, ours not counted. A folder that cannot be read has none."""
    try:
        found = sorted(path.stem for path in folder.iterdir() if path.suffix == ".toml")
    except OSError:
        return []
    return [name for name in found if name not in PALETTES]


def load(folder: Path, name: str) -> Palette:
    """Raises ThemeError with the first fault."""
    import tomllib  # noqa: PLC0415 - only a theme of one's own needs it

    file = folder / f"{name}.toml"
    if not NAME.fullmatch(name):
        raise ThemeError(file, "the file's name", "a lower-case letter, then letters, digits or dashes")
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join([*PALETTES, *names(folder)])
        raise ThemeError(file, "theme", f"a file, or one of: auto, {known}", name) from None
    except tomllib.TOMLDecodeError as error:
        raise ThemeError(file, "the file", f"valid TOML ({error})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ThemeError(file, "the file", f"a readable text ({error})") from None
    return read(data, name, file)


def read(data: Mapping[str, object], name: str, file: Path) -> Palette:
    """The theme that the content of a file describes. Raises ThemeError."""
    for key in data:
        if key not in _KEYS:
            raise ThemeError(file, key, f"one of: {', '.join(_KEYS)}")
    base = data.get("base", "dark")
    if base not in _BASES:
        raise ThemeError(file, "base", f"one of: {', '.join(_BASES)}", base)
    start = PALETTES[str(base)]
    title = data.get("title", name)
    if not isinstance(title, str) or not title.isprintable() or not 0 < len(title) <= 24:
        raise ThemeError(file, "title", "a name of at most 24 characters", title)
    given = data.get("colors", {})
    if not isinstance(given, Mapping):
        raise ThemeError(file, "colors", "a table [colors]", given)
    colors = dict(start.colors)
    for key, value in given.items():
        if key not in colors:
            raise ThemeError(file, f"colors.{key}", f"one of: {', '.join(sorted(colors))}")
        if not isinstance(value, str) or not _COLOR.fullmatch(value.lower()):
            raise ThemeError(file, f"colors.{key}", "a colour such as #6fb3ff", value)
        colors[key] = value.lower()
    _readable(colors, file)
    return structs.replace(start, name=name, title=title, colors=colors)


def _readable(colors: Mapping[str, str], file: Path) -> None:
    pairs = [(token, ground) for token in TEXT_TOKENS for ground in TEXT_GROUNDS]
    pairs += [("on_alarm", "alarm_fill"), *(("on_mode", mode) for mode in ("mode_sim", "mode_paper"))]
    for token, ground in [*pairs, ("on_mode", "mode_live")]:
        ratio = contrast(colors[token], colors[ground])
        if ratio < LEAST:
            want = f"at least {LEAST:g}:1 against {ground} {colors[ground]}, this has {ratio:.1f}:1"
            raise ThemeError(file, f"colors.{token}", want, colors[token])
