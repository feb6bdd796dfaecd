"""What a strategy needs of a venue, held against what the venue declares: refused by name."""

from __future__ import annotations

from services.settings.parameters import Settings
from services.strategies import cross_exchange, funding_arb
from services.venues.live import Capabilities, Finding, Verdict

NEEDS = "strategies"
"""The check that refuses a strategy in every mode."""

HISTORY, INSTANTS = "settled funding rates of the past", "funding settled at known instants"
OF_KIND: dict[str, tuple[str, ...]] = {
    funding_arb.KIND: (HISTORY, INSTANTS),
    cross_exchange.KIND: (),
}


def lacking(can: Capabilities) -> tuple[str, ...]:
    """Of all that a strategy may need of a venue with perps; where nothing pays funding it finds none."""
    if can.funding_price == "none":
        return ()
    there = {HISTORY: can.history, INSTANTS: can.funding_price != "index"}
    return tuple(need for need, met in there.items() if not met)


def needed(venue: str, can: Capabilities, settings: Settings) -> tuple[Finding, ...]:
    """A row where something is missing, none where all is well."""
    missing, of_plugins = lacking(can), OF_KIND[funding_arb.KIND]
    words = [
        f"{name} needs {', '.join(wanting)}"
        for name, strategy in settings.strategies.items()
        if (wanting := [need for need in OF_KIND.get(strategy.kind, of_plugins) if need in missing])
    ]
    if not words:
        return ()
    return (
        Finding(
            subject=venue,
            check=NEEDS,
            verdict=Verdict.STOP,
            text=f"{'; '.join(words)}: this venue has none",
            remedy="take the venue out of the profile, or the strategy",
        ),
    )
