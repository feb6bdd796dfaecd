"""The terminal's title: what a person sees of us in a row of windows."""

from __future__ import annotations

from screens import format as f
from services.domain.enums import TradingState
from services.views.strip import StripView


def title(strip: StripView | None, profile: str, *, trusted: bool, lost: bool, stood: bool) -> str:
    """`lost`: the engine says nothing. `stood`: the desk's own time does not move."""
    if strip is None or not trusted:
        old = "? desk stands" if stood else "? old figures"
        said = "? no engine" if strip is None else "? engine silent" if lost else old
    else:
        alarms = strip.open_alarms
        count = f", {alarms} alarm{'s' if alarms > 1 else ''}" if alarms else ""
        said = f"{strip.trading_state.value}{count}"
        said = f"! {said}" if alarms or strip.trading_state is TradingState.HALTED else said
    return f"{said} - stableconsole {f.clean(profile)}"
