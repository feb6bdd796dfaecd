"""The FTX dialect's list of markets as it is now: what is open, what has closed, what has gone (ftx.md 2).

A market says by itself that it takes closing orders alone, or no takers, or nobody. One that two lists do not
name any more, or that is not enabled, is `off`: no word of it comes, and none is waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from msgspec.structs import replace

from services.domain.instrument import Instrument, MarginTier
from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.replies import NAMELESS, Rows
from services.venues.relisting import Missing, Present
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber

log = logging.getLogger("stableconsole.ftx")

BAND = Decimal("0.05")
"""Margin by size moves with the mark: what gets better by less than this share is left as it was. What gets
worse is never left."""
NONE: Mapping[str, str] = MappingProxyType({})


def usable(
    venue: str,
    asked: tuple[str, ...],
    markets: Rows[wire.Market],
    futures: Rows[wire.Future],
    account: wire.Account | None,
    now: int,
    say: Callable[[str], None],
) -> dict[str, Instrument]:
    """The first look: what can be traded here, of `asked` if that names any. The rest is left out by name.

    Raises WireError: one of `asked` is not among them, or none is left.
    """
    by_name = {future.name: future for future in futures}
    unread = {**markets.unread, **futures.unread}
    found: dict[str, Instrument] = {}
    left_out = dict(unread)
    for name, why in unread.items():
        if not asked or name in asked:
            say(f"left out: {name or 'one'}: {why}")
    for market in markets:
        if (asked and market.name not in asked) or market.name in unread:
            continue
        try:
            found[market.name] = parse.instrument_of(venue, market, by_name.get(market.name), account, now)
        except parse.ParseError as error:
            # As every future with a date: nothing is wrong with it.
            left_out[market.name] = str(error)
            log.info("%s: left out: %s", venue, error)
        except BadNumber as error:
            left_out[market.name] = str(error)
            say(f"left out: {error}")
    missing = [
        name + (f" ({left_out[name]})" if name in left_out else "") for name in asked if name not in found
    ]
    if missing:
        raise WireError(ErrorKind.REJECTED, f"{venue} lists no open market {', '.join(missing)}")
    if not found:
        raise WireError(ErrorKind.REJECTED, f"{venue} lists no market that can be used")
    return found


def look(
    venue: str,
    known: Mapping[str, Instrument],
    markets: Iterable[wire.Market],
    futures: Iterable[wire.Future],
    account: wire.Account | None,
    now: int,
    say: Callable[[str], None],
    unread: Mapping[str, str] = NONE,
) -> dict[str, Instrument | Missing]:
    """Our markets as the list has them. `account`: whose fees and leverage hold; `unread`: see `Rows`. Pure
    but for `say`."""
    account = _sound(account, say)
    by_name = {future.name: future for future in futures}
    rows = {row.name: row for row in markets}
    listed: dict[str, Instrument | Missing] = {}
    for name, before in known.items():
        row, future = rows.get(name), by_name.get(name)
        if row is None or (before.is_perp and future is None):
            # Where a row could not be read, what is lacking may be that one.
            why = unread.get(name, unread.get(NAMELESS))
            if why is not None:
                say(f"no new risk: {name}: {why}")
            listed[name] = Missing.ABSENT if why is None else Missing.UNCLEAR
            continue
        if not row.enabled or row.restricted or (before.is_perp and not _alive(future)):
            listed[name] = Missing.CLOSED
            continue
        try:
            found = parse.instrument_of(venue, row, future, account, now)
        except (parse.ParseError, BadNumber) as error:
            say(f"no new risk: {error}")
            listed[name] = Missing.UNCLEAR
        else:
            listed[name] = replace(found, tiers=_worse(before.tiers, found.tiers))
    return listed


def off_of(present: Present, absent: Container[str]) -> frozenset[str]:
    """What is closed, or gone for the second time."""
    return frozenset(
        name
        for name, found in present.items()
        if found is Missing.CLOSED or (found is Missing.ABSENT and name in absent)
    )


def _sound(account: wire.Account | None, say: Callable[[str], None]) -> wire.Account | None:
    """None = unknown: one answer that cannot be read is no reason to take the markets for closed."""
    if account is None:
        return None
    try:
        parse.fees_of(account)
        parse.leverage_of(account)
    except BadNumber as error:
        say(f"no new risk: {error}")
        return None
    return account


def others(
    known: Mapping[str, Instrument], markets: Iterable[wire.Market], futures: Iterable[wire.Future]
) -> frozenset[str]:
    """Open markets that are not ours."""
    perps = {future.name for future in futures if _alive(future)}
    return frozenset(
        row.name
        for row in markets
        if row.name not in known and row.enabled and (row.type == "spot" or row.name in perps)
    )


def flags_of(future: wire.Future) -> tuple[object, ...]:
    """What of a future, beside its prices, must not change unseen."""
    return (
        future.enabled,
        future.expired,
        future.closeOnly,
        future.postOnly,
        future.expiry,
        future.priceIncrement,
        future.sizeIncrement,
        future.minNotional,
    )


def _alive(future: wire.Future | None) -> bool:
    return future is not None and future.perpetual and future.enabled and not future.expired


def _worse(
    before: tuple[MarginTier, ...] | None, after: tuple[MarginTier, ...] | None
) -> tuple[MarginTier, ...] | None:
    """`after`, unless all that is other about it is a little better."""
    if before is None or after is None or before == after or len(before) != len(after):
        return after
    for old, new in zip(before, after, strict=True):
        if (old.cap, old.cum) != (new.cap, new.cum):
            return after
        for was, is_now in ((old.initial, new.initial), (old.maintenance, new.maintenance)):
            if is_now > was or is_now < was * (1 - BAND):
                return after
    return before
