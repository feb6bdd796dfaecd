"""What a person can type in a shell, as it must be typed: for this profile, for this folder."""

from __future__ import annotations

import shlex

from services.protocol.options import DEFAULT_PROFILE, RunOptions
from services.settings.layout import StateLayout, state_root

SAFETY = ("halt", "flatten")


def typed(options: RunOptions, *words: str) -> str:
    """`stableconsole` and `words` for the engine that these options mean: it need not be the default one."""
    parts = ["stableconsole", *words]
    if options.profile != DEFAULT_PROFILE:
        parts += ["--profile", options.profile]
    if options.state_dir is not None:
        parts += ["--state-dir", options.state_dir]
    return shlex.join(parts)


def folder_of(layout: StateLayout, profile: str) -> RunOptions:
    """What names this engine: the profile, and the folder where it is not the profile's own."""
    own = state_root(profile, None)
    return RunOptions(profile=profile, state_dir=None if layout.root == own else str(layout.root))


def not_sent(name: str, why: str, options: RunOptions) -> str:
    return f"{name} was not sent: {why}{_without_engine(name, options)}"


def unanswered(name: str, options: RunOptions) -> str:
    """The engine went while the command was on its way."""
    return f"{name}: no answer, the engine has gone away{_without_engine(name, options)}"


def unheard(name: str, options: RunOptions, *, gone: bool) -> str:
    """The answer does not come. `gone`: nor is there an engine; else one that may hang."""
    if gone or name not in SAFETY:
        return _without_engine(name, options)
    direct = typed(options, "flatten", "--direct")
    return (
        f"; its watchdog ends an engine that hangs and leaves HALTED. If not, close all without it: {direct}"
    )


def _without_engine(name: str, options: RunOptions) -> str:
    """What a person can do who wanted to be safe and was not heard."""
    if name not in SAFETY:
        return ""
    start = typed(options, *(["--live"] if options.live else []))
    direct = typed(options, "flatten", "--direct")
    return f"; start an engine: {start}, or close all without one: {direct}"
