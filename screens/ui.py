"""What the console may look like, as a person set it; how it turns out on this terminal."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class UiSettings(Struct, frozen=True, kw_only=True):
    """Written by the engine from the validated settings (`ui.json`); every field has a default."""

    theme: str = "auto"
    """`auto`, one of ours, or the name of a person's own."""
    folder: str = ""
    """Where a person's own themes lie; empty = there are none."""
    ascii: bool = False
    """Only ASCII signs."""
    fps: int | None = None
    """Frames a second for data; None = 4 with SSH_CONNECTION or TMUX, else 10."""
    bell: bool = False
    """The terminal's bell when an alarm opens."""
    saves: str = ""
    """Where `w` and `:save` write; empty = nowhere."""
    title: bool = True
    """The terminal's title says the trading state."""
    tour: bool = False
    """Nobody has seen this profile's console yet: show it round."""
    keymap: dict[str, str] = {}
    """Binding id to keys."""
    profile: str = "sim"


class Terminal(Struct, frozen=True, kw_only=True):
    """What this terminal can do and where it is."""

    fps: int
    remote: bool
    """Over ssh: ages under a second are not spelled out."""
    ascii: bool
    palette: str
    colors: str = "truecolor"
    """As rich names the colour system; `standard` = sixteen."""


def terminal(ui: UiSettings, env: Mapping[str, str], colors: str | None, utf8: bool) -> Terminal:
    """`colors` = rich's name of the colour system: `truecolor`, `256`, `standard` or None."""
    remote = bool(env.get("SSH_CONNECTION"))
    slow = remote or bool(env.get("TMUX"))
    palette = ui.theme
    if "NO_COLOR" in env or colors is None:
        palette = "plain"
    elif colors in ("standard", "windows"):
        # Other colours would be guessed at, and might stand on a ground where they cannot be read.
        palette = "sixteen"
    elif palette == "auto":
        palette = _by_background(env)
    return Terminal(
        fps=max(1, min(30, ui.fps)) if ui.fps else 4 if slow else 10,
        remote=remote,
        ascii=ui.ascii or not utf8,
        palette=palette,
        colors=colors or "",
    )


def _by_background(env: Mapping[str, str]) -> str:
    """Terminals that tell say it in COLORFGBG as `foreground;background`; 7 and 15 are light."""
    return "light" if env.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15") else "dark"
