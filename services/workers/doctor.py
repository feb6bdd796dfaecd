"""`doctor`: what would stop trading here, row by row, with the remedy; for every mode (CONSOLE).

Works without a running engine and takes none of its locks. A start of live mode runs the same rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from msgspec import structs

from services.domain.events import Event
from services.domain.instrument import Instrument
from services.protocol.errors import ProductError
from services.protocol.redact import Redactor
from services.risk.limits import limit_row
from services.settings.gate import Gate
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.venues.live import Capabilities, Finding, LiveVenue, Verdict
from services.venues.wire.errors import WireError
from services.workers.machine import HERE, local_findings, other_findings, row
from services.workers.needs import needed
from services.workers.wires import build_venues

START_S = 30.0
"""How long a venue may take to be reached and read."""
CLOCK = "clock"
"""The check that may come out otherwise at the next look: a clock is set while it runs, and measured anew."""


class Deaf:
    """An outbox for adapters that are only looked at."""

    def deliver(self, due: int, event: Event) -> None:
        return

    def wake(self, due: int, token: object) -> None:
        return


async def venue_findings(name: str, venue: LiveVenue, settings: Settings) -> tuple[Finding, ...]:
    """Start it, look at it, close it. Never raises."""
    try:
        try:
            async with asyncio.timeout(START_S):
                await venue.start()
                return await started_findings(name, venue, settings)
        except (WireError, ValueError, OSError, TimeoutError) as error:
            said = str(error) or f"no answer within {START_S:g} s"
            return (
                row(name, "reachable", Verdict.STOP, said, "see to the network, the address and the key"),
            )
    finally:
        await venue.close()


async def started_findings(name: str, venue: LiveVenue, settings: Settings) -> tuple[Finding, ...]:
    """Of a venue that has been started. Raises WireError."""
    health, can = venue.health(), venue.capabilities
    rows = [row(name, "reachable", Verdict.OK, f"{len(venue.instruments())} markets")]
    rows.append(_clock(name, health.clock_offset_ms, settings))
    rows += await venue.examine()
    rows += _leverage(name, health.leverage, venue.instruments(), settings.gate)
    spent = [f"{window} {used}/{limit}" for window, (used, limit) in health.budget.items()]
    full = any(used >= limit for used, limit in health.budget.values())
    rows.append(
        row(
            name,
            "rate budget",
            Verdict.WARN if full else Verdict.OK,
            ", ".join(spent) or "not told",
            "wait a minute; who else uses this key?" if full else "",
        )
    )
    rows.append(_capabilities(name, can, settings.mode))
    rows += needed(name, can, settings)
    return tuple(rows)


def _leverage(
    name: str, setting: Decimal | None, listed: tuple[Instrument, ...], gate: Gate
) -> tuple[Finding, ...]:
    """A setting above a limit is no danger: the gate refuses what would grow there, once a read has told it.
    A pair that is being opened then stays as small as it is."""
    if setting is None:
        return ()
    most = {
        spec.symbol: limit_row(gate, spec.id if spec.id in gate.limits else spec.symbol).max_leverage
        for spec in listed
        if spec.is_perp
    }
    over = [symbol for symbol, limit in most.items() if setting > limit]
    said = f"{setting.normalize():f}x, for the whole account"
    if not over:
        return (row(name, "leverage", Verdict.OK, said),)
    more = f" and {len(over) - 1} more" if len(over) > 1 else ""
    text = f"{said}; above the limit of {over[0]}{more}: no position may grow there"
    least = min(most.values()).normalize()
    remedy = f"set the account to {least:f}x or less at the venue, or raise max_leverage of those markets"
    return (row(name, "leverage", Verdict.WARN, text, remedy),)


def _capabilities(name: str, can: Capabilities, mode: str) -> Finding:
    """What trading will be without. On paper orders are matched here: only the market is the venue's."""
    paper = mode == "paper"
    lacking = [
        word
        for word, there in (
            ("orders", can.orders or paper),
            ("conditional orders: stops are local only", can.conditional or paper),
            ("a dead-man's switch", can.dead_man or paper),
            ("funding history", can.history),
        )
        if not there
    ]
    # Without a key it is there for its market alone, by the profile's own word; whether anybody trades at all
    # is `keys`.
    no_orders = can.account and not can.orders and not paper
    there = "orders, stops, dead-man's switch, history"
    if paper:
        there = "history; orders, stops and the dead-man's switch are the paper account's, on this machine"
    return row(
        name,
        "capabilities",
        Verdict.STOP if no_orders else Verdict.WARN if lacking else Verdict.OK,
        f"lacks {', '.join(lacking)}" if lacking else there,
        "see the rows of its account" if no_orders else "",
    )


def keys(wires: Mapping[str, VenueWire], mode: str) -> tuple[Finding, ...]:
    """Over all venues: somebody has to take our orders. On paper none is asked."""
    if mode == "paper" or not wires or any(wire.key for wire in wires.values()):
        return ()
    text = f"none for any venue of the profile ({', '.join(wires)}): nothing can be traded"
    return (row(HERE, "keys", Verdict.STOP, text, "give a venue a key and its secret"),)


def stops(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(each for each in findings if each.verdict is Verdict.STOP)


def _clock(name: str, offset: int | None, settings: Settings) -> Finding:
    fresh = settings.fresh
    if offset is None:
        return row(name, CLOCK, Verdict.STOP, "not measured", "see whether the venue tells its time")
    verdict = Verdict.OK
    if abs(offset) >= fresh.clock_block_ms:
        verdict = Verdict.STOP
    elif abs(offset) >= fresh.clock_warn_ms:
        verdict = Verdict.WARN
    remedy = "" if verdict is Verdict.OK else "set this machine's clock (chrony, systemd-timesyncd)"
    return row(name, CLOCK, verdict, f"{offset:+d} ms off ours", remedy)


def refusal(findings: tuple[Finding, ...]) -> str:
    """What a start says of them, in one line."""
    return "; ".join(f"{each.subject}: {rows((each,))}" for each in findings)


def rows(findings: tuple[Finding, ...]) -> str:
    """The same of one subject, whose name stands before it already."""
    return "; ".join(
        f"{each.check}: {each.text}" + (f" ({each.remedy})" if each.remedy else "") for each in findings
    )


async def all_findings(
    layout: StateLayout, settings: Settings, environ: Mapping[str, str], accounts: Path, redactor: Redactor
) -> tuple[Finding, ...]:
    """Every row of a profile. Raises nothing of a venue: what is wrong with one is its row."""
    rows = [*local_findings(layout, settings), *other_findings(layout, settings.wires, accounts, environ)]
    if not settings.wires:
        inside = "inside the engine: nothing to reach, no key, no clock of its own"
        rows += [row(venue, "simulator", Verdict.OK, inside) for venue in settings.venues]
    if settings.mode != "sim" and not settings.wires:
        remedy = f"name each in a table [profiles.{settings.profile}.venue.NAME]"
        rows.append(row(HERE, "venues", Verdict.STOP, f"mode {settings.mode} and no venue", remedy))
    rows += keys(settings.wires, settings.mode)
    asked = (
        _venue(name, wire, settings, environ, redactor, layout.bans) for name, wire in settings.wires.items()
    )
    for found in await asyncio.gather(*asked):
        rows += found
    return tuple(rows)


async def _venue(
    name: str,
    wire: VenueWire,
    settings: Settings,
    environ: Mapping[str, str],
    redactor: Redactor,
    bans: Path,
) -> tuple[Finding, ...]:
    try:
        # Paper uses the market alone; its own account is this machine's, and nothing is to be asked of it.
        used = structs.replace(wire, key="", subaccount="") if settings.mode == "paper" else wire
        built = build_venues(settings.profile, {name: used}, environ, Deaf(), redactor, bans)
    except ProductError as error:
        return (row(name, "key", Verdict.STOP, error.text.removeprefix(f"venue {name}: ")),)
    return await venue_findings(name, built[name], settings)
