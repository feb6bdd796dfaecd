"""A person's own keys (`[ui.keymap]`): which may go where, and how a key is named.

What may not be is refused with its remedy at the engine's start and by `config check`. A console that meets
such an entry all the same (an older engine's) leaves it out and says so. None of it needs the screen library.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

from msgspec import structs

from screens.keys import Key
from services.settings.errors import SettingsError

WORDS = (
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete"),
    *("tab", "shift+tab", "enter", "space", "backspace"),
)
"""Keys that are no single sign."""

EATEN: dict[str, str] = {
    "ctrl+a": "screen and many tmux set-ups take it as their prefix",
    "ctrl+b": "tmux takes it as its prefix",
    "ctrl+c": "it only tells how to quit",
    "ctrl+d": "shells and terminals end on it",
    "ctrl+h": "terminals send it as backspace",
    "ctrl+i": "terminals send it as tab",
    "ctrl+j": "terminals send it as enter",
    "ctrl+m": "terminals send it as enter",
    "ctrl+q": "terminals take it for their flow control",
    "ctrl+s": "terminals take it for their flow control",
    "ctrl+z": "shells take it to suspend",
    "escape": "it leaves a field or a dialog, and a slow line splits it from what follows",
}
"""Never ours, whatever they would do; F-keys neither."""

_SIGNS = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_SHOWN = {"pagedown": "pgdn", "pageup": "pgup"}


def name(key: str) -> str:
    """As the screen library names it: a sign by its name, a word as it stands; empty = no such key."""
    key = key.strip()
    if len(key) == 1:
        if not key.isprintable() or not key.isascii():
            return ""
        if key.isalnum():
            return key
        word = unicodedata.name(key).lower().replace("-", "_").replace(" ", "_")
        return _SIGNS.get(word, word)
    word = key.lower()
    if word in WORDS or word in EATEN or _function_key(word):
        return word
    if word.startswith("ctrl+") and len(word) == 6 and word[5].isalpha():
        return word
    return word if word in _by_name() else ""


@cache
def _by_name() -> dict[str, str]:
    return {name(sign): sign for sign in map(chr, range(33, 127)) if not sign.isalnum()}


def _function_key(word: str) -> bool:
    bare = word.rpartition("+")[2]
    return bare.startswith("f") and bare[1:].isdigit()


def shown(keys: str) -> str:
    """The first of a binding's keys as a person reads it."""
    first = keys.split(",", maxsplit=1)[0]
    if first.startswith("ctrl+"):
        return f"^{first[5:]}"
    return _SHOWN.get(first) or _by_name().get(first, first)


def read(keymap: Mapping[str, str], keys: Sequence[Key]) -> dict[str, str]:
    """The keymap in the library's names. Raises SettingsError for the first entry that may not be."""
    by_id = {key.id: key for key in keys}
    found: dict[str, str] = {}
    for one, given in keymap.items():
        found[one] = _read_one(one, given, by_id)
    taken = [(key, part) for key in keys for part in found.get(key.id, key.keys).split(",")]
    for at, (key, part) in enumerate(taken):
        for other, theirs in taken[:at]:
            if part == theirs and other.id != key.id and _meet(key, other):
                moved = key.id if key.id in found else other.id
                stays = other if moved == key.id else key
                has = f"{shown(part)} is {stays.id} ({stays.help})"
                what = f"another key: {has}; ui.keymap.{stays.id} moves that"
                raise SettingsError(f"ui.keymap.{moved}", keymap.get(moved), what)
    return found


def _read_one(one: str, given: str, by_id: Mapping[str, Key]) -> str:
    where = f"ui.keymap.{one}"
    key = by_id.get(one)
    if key is None or one == "palette":
        near = difflib.get_close_matches(one, [each for each in by_id if each != "palette"], 1, 0.6)
        hint = f"; did you mean {near[0]}?" if near else f" ({', '.join(each for each in by_id)})"
        said = "the palette stays on ctrl+p" if one == "palette" else f"the id of a key{hint}"
        raise SettingsError(where, given, said)
    parts = []
    for piece in [","] if given.strip() == "," else given.split(","):
        word = name(piece)
        if not word:
            raise SettingsError(where, given, 'a key such as "X", "/", "ctrl+o" or "pageup"')
        if word in EATEN or _function_key(word):
            why = EATEN.get(word, "terminals and desktops take F-keys for themselves")
            raise SettingsError(where, given, f"another key, a letter for example: {why}")
        sign = len(word) == 1 or (key.group == "do" and word in _by_name())
        if key.group in ("safety", "do") and not sign:
            raise SettingsError(where, given, "a single letter or digit: it must arrive in every terminal")
        parts.append(word)
    return ",".join(dict.fromkeys(parts))


def _meet(one: Key, other: Key) -> bool:
    """Both may be pressed on the same screen."""
    return not one.on or not other.on or not set(one.on).isdisjoint(other.on)


def usable(keymap: Mapping[str, str], keys: Sequence[Key]) -> tuple[dict[str, str], str]:
    """(what of it can be used, why the rest cannot or empty)."""
    left, problem = dict(keymap), ""
    while True:
        try:
            return read(left, keys), problem
        except SettingsError as error:
            problem = problem or str(error)
            if left.pop(error.key.removeprefix("ui.keymap."), None) is None:
                raise  # the keys themselves meet: no person's entry is at fault


def effective(keys: Sequence[Key], found: Mapping[str, str]) -> tuple[Key, ...]:
    """The keys as they hold: help, footer and palette show a person's own."""
    return tuple(
        structs.replace(key, keys=found[key.id], shown=shown(found[key.id])) if key.id in found else key
        for key in keys
    )
