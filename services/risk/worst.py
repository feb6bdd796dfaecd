"""The account after its worst fill: what every limit of the gate is measured on (SEMANTICS 3).

Everything that may still fill counts, at its limit price against the mark, taker fee paid, whichever subset
of it hurts most. Notional, usage and leverage are worst when each instrument stands at the larger of "all its
buys filled" and "all its sells filled", while every cost is paid; coin exposure is an interval, each end
taken separately; the liquidation distance is the least over {worst sizes, all buys, all sells}. Whatever
really fills, in whatever order, therefore stays inside. Gains (a limit better than the mark) are never
counted. Unknown marks, fees or prices make C unknown, which breaches every limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct, field, structs

from services.domain.enums import InstrumentKind, Side
from services.domain.money import ONE, ZERO
from services.portfolio.inputs import UNKNOWN, USD, AccountInput, PositionInput
from services.portfolio.margin import Margin, account_margin, effective_weight
from services.risk.context import GateContext, MarketFacts, OpenOrder
from services.risk.lines import (
    Claim,
    Line,
    Range,
    adverse_price,
    book,
    claims_of,
    exposure_ranges,
    line_of,
    pay,
    positive,
    widen,
)


class AccountWorst(Struct):
    """One venue account with everything that may fill on it."""

    venue: str
    account: AccountInput
    """At its worst sizes, all costs paid."""
    margin: Margin
    lines: dict[str, Line]
    touched: bool
    """A claim of the question itself lies on it."""
    scenarios: tuple[AccountInput, ...]
    """Distinct position vectors for the liquidation distance: worst sizes, all buys, all sells."""
    exposures: dict[str, Range | None] = field(default_factory=dict)
    """Stablecoin -> (lowest, highest) position-made exposure, USD; None = unknown."""
    holdings: dict[str, Decimal | None] = field(default_factory=dict)
    """Spot symbol -> USD of its base coin that would be held, for symbols with something that may fill."""


class Worst(Struct):
    """All accounts after their worst fills."""

    accounts: dict[str, AccountWorst]
    collateral: Decimal | None
    equity: Decimal | None
    notional: Decimal | None
    initial: Decimal | None
    collateral_initial: Decimal | None
    anything_open: bool
    symbol_notional: dict[str, Decimal | None]
    """Over all venues, each at its worst; None = unknown."""
    exposures: dict[str, Range | None]


def worst_fill(ctx: GateContext, working: Sequence[OpenOrder], asked: Sequence[Claim]) -> Worst:
    """Every account with `working` and `asked` at their worst."""
    claims, unknown = claims_of(working, ctx.instruments)
    by_venue: dict[str, list[Claim]] = {venue: [] for venue in ctx.accounts}
    touched = {claim.instrument.venue: True for claim in asked}
    for claim in (*claims, *asked):
        by_venue.setdefault(claim.instrument.venue, []).append(claim)
    accounts: dict[str, AccountWorst] = {}
    blind = bool(unknown)
    for venue, rows in by_venue.items():
        account = ctx.accounts.get(venue)
        if account is None:
            blind = True
            continue
        accounts[venue] = _account_worst(ctx, account, rows, venue in touched)
    return _sum(accounts, blind)


def _account_worst(
    ctx: GateContext, account: AccountInput, claims: Sequence[Claim], touched: bool
) -> AccountWorst:
    band = ctx.settings.gate.protective_bands[-1]
    lines: dict[str, Line] = {}
    sized = True
    for position in account.positions:
        if not position.size.is_finite():
            sized = False
            continue
        lines[position.instrument.id] = Line(
            position.instrument,
            position.size,
            positive(position.mark) if positive(position.entry) is not None else None,
            positive(position.quote_usd),
            positive(position.settle_usd),
            position.entry,
        )
    if not sized:  # a position of no known size: nothing of this account is known
        account = structs.replace(account, balances_known=False)
    balances = account.balances
    if claims:
        balances = dict(balances)
        # A coin that is bought for the first time has no index on its account yet: its own market prices it.
        account = structs.replace(account, indexes=dict(account.indexes))
        for claim in claims:
            if claim.instrument.kind is InstrumentKind.SPOT:
                _spot(account, balances, claim, ctx.markets.get(claim.instrument.id), band)
            else:
                book(line_of(lines, claim, ctx.markets), claim, band)
        for line in lines.values():
            pay(balances, line)
    sizes = {name: line.worst() for name, line in lines.items()}
    worst = _with_sizes(account, balances, lines, sizes)
    scenarios = [worst]
    for vector in (
        {name: line.high() for name, line in lines.items()},
        {name: line.low() for name, line in lines.items()},
    ):
        if vector != sizes and not any(vector == _sizes(other) for other in scenarios):
            scenarios.append(_with_sizes(account, balances, lines, vector))
    return AccountWorst(
        venue=account.venue,
        account=worst,
        margin=account_margin(worst),
        lines=lines,
        touched=touched,
        scenarios=tuple(scenarios),
        exposures=exposure_ranges(lines),
        holdings=_holdings(ctx, account, claims),
    )


def _holdings(ctx: GateContext, account: AccountInput, claims: Sequence[Claim]) -> dict[str, Decimal | None]:
    """What spot orders would leave us holding: the balance and every buy, at the dearer of limit and mark."""
    found: dict[str, Decimal | None] = {}
    for claim in claims:
        instrument = claim.instrument
        if instrument.kind is not InstrumentKind.SPOT:
            continue
        facts = ctx.markets.get(instrument.id, MarketFacts())
        mark, usd = positive(facts.mark) if facts.mark_fresh else None, positive(facts.quote_usd)
        balance = account.balances.get(instrument.underlying, ZERO)
        before = found.get(instrument.symbol, ZERO)
        if mark is None or usd is None or before is None or not balance.is_finite():
            found[instrument.symbol] = None
            continue
        if instrument.symbol not in found:
            before = max(ZERO, balance) * mark * usd
        bought = claim.quantity if claim.side is Side.BUY else ZERO
        found[instrument.symbol] = before + bought * max(mark, positive(claim.price) or mark) * usd
    return found


def _spot(
    account: AccountInput,
    balances: dict[str, Decimal],
    claim: Claim,
    facts: MarketFacts | None,
    band: Decimal,
) -> None:
    """A spot order swaps coins: the swap is counted when it lowers collateral, its fee always. `balances` and
    the account's indexes are changed in place."""
    instrument, quantity = claim.instrument, claim.quantity
    base, quote, fee = instrument.underlying, instrument.quote, instrument.taker_fee
    mark = positive(facts.mark) if facts is not None and facts.mark_fresh else None
    quote_usd = positive(facts.quote_usd) if facts is not None else None
    if fee is None or not fee.is_finite() or mark is None or quote_usd is None:
        balances[quote] = UNKNOWN
        return
    price = adverse_price(claim, mark, band)
    money = quantity * price
    balances[quote] = balances.get(quote, ZERO) - money * max(ZERO, fee) * claim.round_trips
    base_usd = ONE if base == USD else positive(account.indexes.get(base)) or mark * quote_usd
    worth_base, worth_quote = quantity * base_usd, money * quote_usd
    lowers = False
    for weights in (account.weights_total, account.weights_initial):
        base_counts = worth_base * effective_weight(weights.get(base))
        quote_counts = worth_quote * effective_weight(weights.get(quote))
        change = base_counts - quote_counts if claim.side is Side.BUY else quote_counts - base_counts
        lowers = lowers or change < ZERO
    goes, comes = (quote, base) if claim.side is Side.BUY else (base, quote)
    out, back = (money, quantity) if claim.side is Side.BUY else (quantity, money)
    if claim.side is Side.BUY and not account.balances.get(base):
        account.indexes.setdefault(base, base_usd)
    there = balances.get(goes, ZERO)
    if lowers or not there.is_finite() or there < out:  # a balance below zero counts at weight 1
        balances[goes] = balances.get(goes, ZERO) - out
        balances[comes] = balances.get(comes, ZERO) + back


def _sizes(account: AccountInput) -> dict[str, Decimal]:
    return {position.instrument.id: position.size for position in account.positions}


def _with_sizes(
    account: AccountInput,
    balances: dict[str, Decimal],
    lines: Mapping[str, Line],
    sizes: Mapping[str, Decimal],
) -> AccountInput:
    """The account at other sizes, today's uPnL kept (what a fill costs is already off the balance)."""
    positions: list[PositionInput] = []
    held = {position.instrument.id: position for position in account.positions}
    settled: dict[str, Decimal] | None = None
    for name, line in lines.items():
        size = sizes[name]
        old = held.get(name)
        if old is not None and old.size == size:
            positions.append(old)
            continue
        if old is None or line.mark is None or line.entry is None:
            entry = line.mark if line.mark is not None else ZERO
        elif size == ZERO:
            gain = line.size * (line.mark - line.entry)
            coin = line.instrument.settle
            if line.instrument.quote != coin:
                if line.quote_usd is None or line.settle_usd is None:
                    gain = UNKNOWN
                else:
                    gain = gain * line.quote_usd / line.settle_usd
            settled = settled if settled is not None else dict(balances)
            settled[coin] = settled.get(coin, ZERO) + gain
            continue
        else:
            entry = line.mark - line.size * (line.mark - line.entry) / size
        positions.append(
            PositionInput(line.instrument, size, entry, line.mark, line.quote_usd, line.settle_usd)
        )
    return AccountInput(
        account.venue,
        balances if settled is None else settled,
        account.weights_total,
        account.weights_initial,
        account.indexes,
        tuple(positions),
        account.leverage_settings,
        account.marks,
        account.balances_known,
    )


def _sum(accounts: dict[str, AccountWorst], blind: bool) -> Worst:
    margins = [account.margin for account in accounts.values()]
    symbols: dict[str, Decimal | None] = {}
    exposures: dict[str, Range | None] = {}
    for account in accounts.values():
        for line in account.lines.values():
            symbol, unit = line.instrument.symbol, line.usd_per_unit()
            before = symbols.get(symbol, ZERO)
            symbols[symbol] = None if before is None or unit is None else before + abs(line.worst()) * unit
        for symbol, holding in account.holdings.items():
            before = symbols.get(symbol, ZERO)
            symbols[symbol] = None if before is None or holding is None else before + holding
        for coin, ends in account.exposures.items():
            widen(exposures, coin, ends)
    return Worst(
        accounts=accounts,
        collateral=None if blind else add_up(margin.collateral for margin in margins),
        equity=None if blind else add_up(margin.equity for margin in margins),
        notional=None if blind else add_up(margin.notional for margin in margins),
        initial=None if blind else add_up(margin.initial for margin in margins),
        collateral_initial=None if blind else add_up(margin.collateral_initial for margin in margins),
        anything_open=blind or any(margin.anything_open for margin in margins),
        symbol_notional=symbols,
        exposures=exposures,
    )


def add_up(values: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; one unknown makes it unknown."""
    total = ZERO
    for value in values:
        if value is None:
            return None
        total += value
    return total
