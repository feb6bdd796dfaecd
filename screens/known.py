"""What the `:` line knows of the settings: each key with its value, else its default, and its meaning."""

from __future__ import annotations

from collections.abc import Mapping


def settings(running: Mapping[str, str]) -> dict[str, str]:
    """Key to words for the line below. `running`: what the engine says it has; empty = it was not asked.

    Slow the first time (it reads the table of parameters): not for the thread that paints.
    """
    from services.settings.catalog import catalog  # noqa: PLC0415 - not on the way to a first frame
    from services.settings.fields import KINDS  # noqa: PLC0415 - as above
    from services.settings.parameters import Settings, StrategySettings  # noqa: PLC0415 - as above

    every = Settings(strategies={kind: StrategySettings(kind=kind) for kind in KINDS})
    means = {entry.key.rpartition(".")[2]: entry.doc for entry in catalog(every)}
    found: dict[str, str] = {}
    for entry in catalog(Settings()):
        value = running.get(entry.key)
        state = f"now {value}" if value is not None else f"default {entry.default}"
        if not running or value is not None:
            found[entry.key] = f"{state}   {' '.join(entry.doc.split())}"
    for key, value in running.items():
        # A strategy or a limit row of another name: its parameters mean the same.
        found.setdefault(key, f"now {value}   {means.get(key.rpartition('.')[2], '')}".rstrip())
    return found


def problem(kind: str, key: str, value: str, now: str, reason: str) -> str | None:
    """What is wrong with a strategy's parameter before the engine is asked, so that it can be mended where it
    stands; the engine alone knows whether the others allow it. None also for a key that only it knows.
    """
    from services.settings.catalog import apply, is_loosening  # noqa: PLC0415 - as above
    from services.settings.errors import SettingsError  # noqa: PLC0415 - as above
    from services.settings.keys import find  # noqa: PLC0415 - as above
    from services.settings.parameters import Settings, StrategySettings  # noqa: PLC0415 - as above

    settings = Settings(strategies={key.partition(".")[0]: StrategySettings(kind=kind)})
    try:
        find(settings, key)
        before = apply(settings, key, now)
    except SettingsError:
        return None
    try:
        changed = apply(settings, key, value)
    except SettingsError as error:
        return str(error)
    if is_loosening(before, changed, key) and not reason:
        return f"{key} is a limit: to loosen it, give a reason after the value"
    return None
