"""From a profile's venue tables to adapters over real sockets: one dict of kinds, imported when asked for.

A key's secret goes nowhere but into the adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.redact import Redactor
from services.settings.secrets import BETWEEN, secrets_of
from services.settings.venues import PASSPHRASED, VenueWire
from services.venues.live import LiveVenue
from services.venues.port import Outbox
from services.venues.wire.bans import Bans

if TYPE_CHECKING:
    from services.venues.ftx.hosts import FtxSettings

Builder = Callable[[str, VenueWire, str | None, Outbox, Redactor, Bans | None], LiveVenue]


def _ftx(
    name: str, wire: VenueWire, secret: str | None, outbox: Outbox, redactor: Redactor, bans: Bans | None
) -> LiveVenue:
    from services.venues.ftx.build import build_ftx  # noqa: PLC0415 - loads the wire: only who needs it pays

    return build_ftx(name, ftx_settings(wire), secret, outbox, redactor=redactor, bans=bans)


def ftx_settings(wire: VenueWire) -> FtxSettings:
    from services.venues.ftx.hosts import FtxSettings  # noqa: PLC0415 - as above

    return FtxSettings(
        rest=wire.rest,
        stream=wire.stream,
        key=wire.key,
        subaccount=wire.subaccount or None,
        symbols=wire.symbols,
        allow_remote=wire.allow_remote,
        extensions=wire.extensions,
    )


def _binance(
    name: str, wire: VenueWire, secret: str | None, outbox: Outbox, redactor: Redactor, bans: Bans | None
) -> LiveVenue:
    from services.venues.binance.build import build_binance  # noqa: PLC0415 - as above
    from services.venues.binance.hosts import BinanceSettings, Hosts, hosts_of  # noqa: PLC0415

    word = wire.options["hosts"]
    settings = BinanceSettings(
        hosts=Hosts(rest=wire.rest, stream=wire.stream, wallet=wire.options.get("wallet", ""))
        if word == "local"
        else hosts_of(word),
        symbols=wire.symbols,
        key=wire.key,
        leverage=int(wire.options["leverage"]) if "leverage" in wire.options else None,
    )
    return build_binance(name, settings, secret, outbox, redactor=redactor, bans=bans)


def _binance_spot(
    name: str, wire: VenueWire, secret: str | None, outbox: Outbox, redactor: Redactor, bans: Bans | None
) -> LiveVenue:
    from services.venues.binance.hosts import SpotHosts, SpotSettings, spot_hosts_of  # noqa: PLC0415
    from services.venues.binance.spot.build import build_spot  # noqa: PLC0415 - as above

    word, options = wire.options["hosts"], wire.options
    local = word == "local"
    hosts = (
        SpotHosts(
            rest=wire.rest,
            stream=wire.stream,
            api=options["api"],
            index=options.get("index", ""),
            wallet=options.get("wallet", ""),
        )
        if local
        else spot_hosts_of(word)
    )
    settings = SpotSettings(hosts=hosts, symbols=wire.symbols, key=wire.key)
    return build_spot(name, settings, secret, outbox, redactor=redactor, bans=bans)


def _ccxt(
    name: str, wire: VenueWire, secret: str | None, outbox: Outbox, redactor: Redactor, bans: Bans | None
) -> LiveVenue:
    from services.venues.ccxt_venue.build import build_ccxt  # noqa: PLC0415 - as above
    from services.venues.ccxt_venue.profile import CcxtSettings  # noqa: PLC0415

    word = wire.options["hosts"]
    settings = CcxtSettings(
        exchange=wire.options["exchange"],
        symbols=wire.symbols,
        key=wire.key,
        environment="production" if word == "local" else word,
        local=wire.rest if word == "local" else "",
        spot=wire.options.get("market") == "spot",
    )
    # Other secrets may have lines of their own.
    split = settings.exchange in PASSPHRASED
    first, _, second = (secret or "").rpartition(BETWEEN) if split else (secret or "", "", "")
    return build_ccxt(
        name, settings, first or None, outbox, passphrase=second or None, redactor=redactor, bans=bans
    )


BUILDERS: dict[str, Builder] = {
    "ftx": _ftx,
    "binance": _binance,
    "binance_spot": _binance_spot,
    "ccxt": _ccxt,
}
"""By the kinds of `services.settings.venues`."""


def build_venues(
    profile: str,
    wires: Mapping[str, VenueWire],
    environ: Mapping[str, str],
    outbox: Outbox,
    redactor: Redactor,
    bans: Path | None = None,
    paper: Path | None = None,
) -> dict[str, LiveVenue]:
    """`bans`: the file of those that outlast a restart; None = none does. `paper`: where the accounts of
    paper mode lie; their orders are matched here, so no key is used. Nothing connects yet. Raises
    ProductError with one line.
    """
    found: dict[str, LiveVenue] = {}
    try:
        kept = Bans(bans)
    except ValueError as error:
        raise ProductError(str(error), Exit.USAGE, "venue") from None
    for name, wire in wires.items():
        try:
            if paper is not None:
                found[name] = _on_paper(name, wire, paper, outbox, redactor, kept)
                continue
            secret = secrets_of(profile, name, wire, environ) if wire.key else None
            found[name] = BUILDERS[wire.kind](name, wire, secret, outbox, redactor, kept)
        except ValueError as error:
            raise ProductError(f"venue {name}: {error}", Exit.USAGE, "venue") from None
    return found


def _on_paper(
    name: str, wire: VenueWire, folder: Path, outbox: Outbox, redactor: Redactor, bans: Bans | None
) -> LiveVenue:
    from services.venues.paper.venue import PaperVenue  # noqa: PLC0415 - as above
    from services.workers.paper import terms_of  # noqa: PLC0415

    public = structs.replace(wire, key="", subaccount="")

    def market(inner: Outbox) -> LiveVenue:
        return BUILDERS[wire.kind](name, public, None, inner, redactor, bans)

    options = wire.options
    terms = terms_of(wire.kind, options.get("exchange", ""), spot=options.get("market") == "spot")
    return PaperVenue(market, terms, folder, outbox)


def world_of(wires: Mapping[str, VenueWire]) -> dict[str, dict[str, str]]:
    """Where each venue is, for the journal: neither keys nor secrets."""
    return {
        name: {
            "kind": wire.kind,
            **({"exchange": wire.options["exchange"]} if "exchange" in wire.options else {}),
            "rest": wire.rest or wire.options.get("hosts", ""),
            "subaccount": wire.subaccount,
        }
        for name, wire in wires.items()
    }
