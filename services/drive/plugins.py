"""Loads the strategy kinds that a profile uses and another package brings (RUNTIME 7).

An entry point names an object like those of `services.strategies.kinds`, or a class that makes one without
arguments: `kind`, `initial()`, `decide(view, params, state)`. It is called with the view and the parameters
of `funding_arb`; its state must be one that msgspec writes and reads. The watchdog, the sizing and the gate
stand around it as around any other.
"""

from __future__ import annotations

from typing import Any

from services.settings.errors import SettingsError
from services.settings.parameters import Settings
from services.settings.plugins import GROUP
from services.strategies.base import Strategy
from services.strategies.kinds import KINDS


def load_kinds(settings: Settings) -> None:
    """Put what is missing into the table of kinds; ours are never replaced. Raises SettingsError."""
    for name, strategy in settings.strategies.items():
        if strategy.kind not in KINDS:
            KINDS[strategy.kind] = _load(f"strategies.{name}.kind", strategy.kind)


def _load(key: str, kind: str) -> Strategy[Any, Any]:
    from importlib.metadata import entry_points  # 25 ms that hardly any start needs

    found = [each for each in entry_points(group=GROUP) if each.name == kind]
    if len(found) != 1:
        said = "one package that brings it" if found else "a plugin that is installed"
        raise SettingsError(key, kind, f"{said} (entry point of {GROUP})")
    try:
        loaded = found[0].load()
        plugin: Strategy[Any, Any] = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:  # whatever a foreign module raises on import is told in one line
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise SettingsError(key, kind, f"a plugin that can be loaded ({found[0].value}: {said})") from error
    if getattr(plugin, "kind", None) != kind or not all(
        callable(getattr(plugin, each, None)) for each in ("initial", "decide")
    ):
        raise SettingsError(
            key, kind, f"a plugin with kind, initial and decide ({found[0].value} is none of that kind)"
        )
    return plugin
