"""What is learnt of venue and account before anything is traded, in the order of binance.md 10.

Any doubt about the account's modes keeps the venue read-only, with its reason: in hedge mode sizes mean
another thing, isolated margin is no account margin, and apart-margined coins do not help each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from services.domain.instrument import Instrument
from services.venues.binance import parse
from services.venues.binance import schemas as wire
from services.venues.binance.api import BinanceApi
from services.venues.binance.filters import Filters, filters_of
from services.venues.live import KEY_RIGHTS, Finding, Verdict, key_rights
from services.venues.relisting import Missing, newly
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber

ONE = Decimal(1)
TRIES = 3


class Facts(Struct, kw_only=True):
    instruments: dict[str, Instrument]
    filters: dict[str, Filters]
    intervals: dict[str, int]
    caps: dict[str, Decimal] = {}
    """Instrument id -> the largest funding rate, where the venue states one."""
    leverages: dict[str, int] = {}
    fees: dict[str, wire.Commission] = {}
    brackets: dict[str, wire.Brackets] = {}
    multi_assets: bool | None = None
    """None = without a key nobody knows."""
    beside: frozenset[str] = frozenset()
    """Open perpetuals on our underlyings that the profile does not name."""
    reasons: tuple[str, ...] = ()
    """Why nothing that adds risk is sent; empty = all is as required."""

    def weight(self, coin: str, weights: dict[str, Decimal]) -> Decimal | None:
        """What a coin counts for as collateral. Only coins that have held their dollar while they were
        margin; in single-asset mode only the one that our contracts settle in. None = nothing."""
        if self.multi_assets is None or coin not in parse.COLLATERAL:
            return None
        if self.multi_assets:
            return weights.get(coin)
        return ONE if {spec.settle for spec in self.instruments.values()} == {coin} else None


async def learn(
    venue: str,
    api: BinanceApi,
    symbols: tuple[str, ...],
    *,
    keyed: bool,
    leverage: int | None,
    say: Callable[[str], None],
) -> Facts:
    """`leverage`: set for every symbol and read back; None = as it is. Raises WireError, BadNumber."""
    info = await api.exchange_info()
    listed = {row.symbol: row for row in info.symbols if row.symbol in symbols}
    missing = [name for name in symbols if name not in listed]
    if missing:
        whys = [f"{name} ({info.unread[name]})" if name in info.unread else name for name in missing]
        raise WireError(ErrorKind.REJECTED, f"{venue} lists no symbol {', '.join(whys)}")
    config = await api.account_config() if keyed else None
    set_up = await _set_up(api, symbols, leverage) if keyed else {}
    funding = await api.funding_info(symbols)
    multi = None if config is None else config.multiAssetsMargin
    facts = Facts(
        instruments={},
        filters={},
        intervals={},
        caps={},
        multi_assets=multi,
    )
    if keyed:
        facts.brackets = await api.brackets()
        facts.fees = dict(zip(symbols, await asyncio.gather(*map(api.commission, symbols)), strict=True))
        facts.leverages = {name: row.leverage for name, row in set_up.items() if name in listed}
    for name, row in listed.items():
        interval = parse.interval_of(funding.get(name))
        try:
            facts.instruments[name] = parse.instrument_of(
                venue,
                row,
                fees=facts.fees.get(name),
                brackets=facts.brackets.get(name),
                leverage=facts.leverages.get(name),
                interval_h=interval,
            )
        except parse.ParseError as error:
            say(f"left out: {error}")
            continue
        facts.filters[name] = filters_of(row)
        facts.intervals[name] = interval
        cap = parse.cap_of(funding.get(name))
        if cap is not None:
            facts.caps[facts.instruments[name].id] = cap
    if not facts.instruments:
        raise WireError(ErrorKind.REJECTED, f"{venue}: none of {', '.join(symbols)} can be used")
    facts.beside = _beside(info.symbols, facts)
    if config is not None:
        facts.reasons = reasons(config, set_up, facts, leverage)
    return facts


async def terms(
    api: BinanceApi, facts: Facts, symbols: Sequence[str], leverage: int | None, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Modes, leverage, brackets and fees of `symbols` anew, into `facts`; what keeps the account from trading
    now. One question after the other: orders have to find room beside them. Raises WireError; what was
    answered before it holds.
    """
    config, set_up = await api.account_config(), await api.symbol_configs()
    facts.leverages.clear()
    facts.leverages.update((name, row.leverage) for name, row in set_up.items() if name in facts.instruments)
    facts.brackets = await api.brackets()
    for name in symbols:
        facts.fees[name] = await api.commission(name)
    for name in symbols:
        # What cannot be read is unknown, and no reason to take the market for closed.
        try:
            parse.tiers_of(facts.brackets.get(name), facts.leverages.get(name))
        except (parse.ParseError, BadNumber) as error:
            say(f"no new risk: {error}")
            facts.brackets.pop(name, None)
            facts.leverages.pop(name, None)
        try:
            parse.fee_of(facts.fees[name].makerCommissionRate, f"{name} maker")
            parse.fee_of(facts.fees[name].takerCommissionRate, f"{name} taker")
        except (parse.ParseError, BadNumber) as error:
            say(f"no new risk: {error}")
            del facts.fees[name]
    still_open = {name: spec for name, spec in facts.instruments.items() if name in symbols}
    changed = () if config.multiAssetsMargin is facts.multi_assets else ("multi-assets mode: was changed",)
    return changed + reasons(config, set_up, replace(facts, instruments=still_open), leverage)


def present(
    venue: str, facts: Facts, info: wire.ExchangeInfo, say: Callable[[str], None]
) -> dict[str, Instrument | Missing]:
    """As a later list has them, by the terms of `facts`, whose filters are taken over."""
    found: dict[str, Instrument | Missing] = dict.fromkeys(facts.instruments, Missing.ABSENT)
    rows, unread = info.symbols, info.unread
    for name in found:
        # Where a row could not be read, what is lacking may be that one.
        why = unread.get(name, unread.get(""))
        if why is not None:
            found[name] = Missing.UNCLEAR
            if all(row.symbol != name for row in rows):
                say(f"no new risk: {name}: {why}")
    before, facts.beside = facts.beside, _beside(rows, facts)
    if new := newly(before, facts.beside):
        say(new)
    for row in rows:
        if row.symbol not in found:
            continue
        if row.status != parse.OPEN:
            found[row.symbol] = Missing.CLOSED
            continue
        try:
            found[row.symbol] = parse.instrument_of(
                venue,
                row,
                fees=facts.fees.get(row.symbol),
                brackets=facts.brackets.get(row.symbol),
                leverage=facts.leverages.get(row.symbol),
                interval_h=facts.intervals.get(row.symbol, parse.DEFAULT_INTERVAL_H),
            )
            facts.filters[row.symbol] = filters_of(row)
        except (parse.ParseError, BadNumber) as error:
            say(f"no new risk: {error}")
            found[row.symbol] = Missing.UNCLEAR
    return found


def _beside(rows: Iterable[wire.Symbol], facts: Facts) -> frozenset[str]:
    ours = {spec.underlying for spec in facts.instruments.values()}
    return frozenset(
        row.symbol
        for row in rows
        if row.symbol not in facts.instruments
        and row.status == parse.OPEN
        and row.contractType == parse.PERPETUAL
        and row.baseAsset in ours
    )


async def _set_up(
    api: BinanceApi, symbols: tuple[str, ...], leverage: int | None
) -> dict[str, wire.SymbolConfig]:
    """The configuration of each symbol, the wished leverage set where it was another, read back. An answer
    that lacks one of ours is no answer yet: it is asked for again."""
    for _ in range(TRIES):
        found = await api.symbol_configs()
        if all(name in found for name in symbols):
            break
    if leverage is None:
        return found
    other = [name for name in symbols if name in found and found[name].leverage != leverage]
    for name in other:
        await api.set_leverage(name, leverage)
    return await api.symbol_configs() if other else found


def reasons(
    config: wire.AccountConfig, set_up: dict[str, wire.SymbolConfig], facts: Facts, leverage: int | None
) -> tuple[str, ...]:
    """What keeps the account from trading, each with its remedy. Pure."""
    out = []
    if not config.canTrade:
        out.append("the key may not trade: give it the futures permission, and no other")
    if config.dualSidePosition:
        out.append("hedge mode: switch the position mode to one-way")
    for name in facts.instruments:
        found = set_up.get(name)
        if found is None:
            out.append(f"{name}: the venue tells no margin type or leverage")
            continue
        if found.marginType.upper() not in ("CROSSED", "CROSS"):
            out.append(f"{name}: {found.marginType} margin: switch it to cross")
        if leverage is not None and found.leverage != leverage:
            out.append(f"{name}: leverage reads {found.leverage} after it was set to {leverage}")
    settles = sorted({spec.settle for spec in facts.instruments.values()})
    if not config.multiAssetsMargin and len(settles) > 1:
        out.append(
            f"single-asset mode margins {' and '.join(settles)} apart: switch multi-assets mode on, or trade"
            " contracts of one of them"
        )
    return tuple(out)


def findings(venue: str, facts: Facts, withdraws: bool | None) -> tuple[Finding, ...]:
    """What `doctor` shows. `withdraws`: as the wallet service tells; where there is none a person looks."""

    def row(check: str, verdict: Verdict, text: str, remedy: str = "") -> Finding:
        return Finding(subject=venue, check=check, verdict=verdict, text=text, remedy=remedy)

    if facts.multi_assets is None:
        return (row(KEY_RIGHTS, Verdict.WARN, "no key: market data only"),)
    pool = "multi-assets mode: one pool of USDT and USDC" if facts.multi_assets else "single-asset mode"
    wrong = [why.partition(": ") for why in facts.reasons]
    return (
        key_rights(venue, withdraws),
        *(row("account mode", Verdict.STOP, head, rest) for head, _, rest in wrong),
        *(() if wrong else (row("account mode", Verdict.OK, "one-way, cross margin"),)),
        row("margin mode", Verdict.OK, pool),
    )
