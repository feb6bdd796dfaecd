"""The world that is served: the simulator's own, and the names that clients of the time look for."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from services.venues.sim.facts import NS, perp, spot
from services.venues.sim.world import World, make_world, read_world

DEFAULT_STEP_S = 1.0


def served_world(
    scenario: str, seed: int, *, step_s: float | None, synthetic: int, start: int | None
) -> World:
    """`start`: market time at which it begins, ns; None = the scenario's own. Raises ValueError.

    Beside the simulator's instruments every venue lists BTC-PERP and ETH-PERP, settled in USD and paying
    funding each hour as that exchange did (ftx.md 5, 8), and BTC/USDT.
    """
    world = make_world(scenario, seed, DEFAULT_STEP_S if step_s is None else step_s, synthetic)
    listed = [
        instrument
        for venue in world.venues
        for instrument in (
            *(each for each in world.instruments if each.venue == venue),
            perp(venue, "BTC-PERP", "BTC", "USD", 1),
            perp(venue, "ETH-PERP", "ETH", "USD", 1),
            spot(venue, "BTC/USDT", "BTC", "USDT"),
        )
    ]
    begin = world.start if start is None else start // NS * NS
    return replace(world, instruments=tuple(listed), start=begin)


def same_world(folder: Path, world: World) -> None:
    """Books of a world that began at another time were found at the account's first question alone, and each
    was answered with 500. Raises ValueError."""
    for path in sorted(folder.glob("*/")):
        try:
            held = read_world(path)
        except (ValueError, OSError) as error:
            raise ValueError(f"--books {folder}: {error}") from None
        if held is not None and held.canonical != world.canonical:
            raise ValueError(
                f"--books {folder}: {path.name} holds the books of another world or another start; only with "
                "--scenario-time a world begins where it did: name a new folder"
            )
