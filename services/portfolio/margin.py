"""Cross margin of one venue account and of all (SEMANTICS 2). The one place where collateral is counted.

n_a = balance_a + sum of uPnL settled in a, at the mark;
C = sum of n_a x index_a x (weight_a if n_a > 0 else 1); equity = the same with every weight 1.
Unknown stays unknown: a held coin without an index, a position without a mark, or a figure that is no number
makes C unknown, and `infinite` says so to every limit. An unknown collateral weight counts 0.
Tiers: requirement = notional x ratio - cum for maintenance; initial = notional x the bracket's initial ratio
(venues state no `cum` for it). A notional above the last bracket has no known requirement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from services.domain.instrument import MarginTier
from services.domain.money import ONE, ZERO
from services.portfolio.account import account_input
from services.portfolio.hypothetical import with_fills
from services.portfolio.inputs import USD, AccountInput, PositionInput, known
from services.portfolio.tables import inside, sound, table_of

__all__ = [
    "AccountInput",
    "Margin",
    "PositionInput",
    "account_input",
    "account_margin",
    "merge_margins",
    "portfolio_margin",
    "with_fills",
    "worst_usage",
]


class Margin(Struct, frozen=True):
    """USD throughout; None = unknown."""

    collateral: Decimal | None
    collateral_initial: Decimal | None
    equity: Decimal | None
    upnl: Decimal | None
    notional: Decimal | None
    maintenance: Decimal | None
    initial: Decimal | None
    leverage: Decimal | None
    """Sum of notional / C; None = unknown or infinite."""
    infinite: bool
    """C is unknown or <= 0 with anything open: every limit on leverage and usage is breached."""
    usage: Decimal | None
    """Maintenance / C; liquidation at >= 1. None with anything open is a breach."""
    initial_usage: Decimal | None
    symbol_notional: dict[str, Decimal]
    """By symbol; a symbol whose notional is unknown is absent, and `notional` is None."""
    symbol_leverage: dict[str, Decimal | None]
    """The larger of the venue's setting and the symbol's notional / C; None = infinite or unknown."""
    symbol_setting: dict[str, Decimal] = {}
    """The venue's leverage setting, the largest of the symbol's instruments; absent = none stated."""
    anything_open: bool = False


class Valued(Struct, frozen=True):
    """A position in USD."""

    notional: Decimal | None
    upnl: Decimal | None
    """USD."""
    upnl_settle: Decimal | None
    """Settle coin."""


def value_position(position: PositionInput) -> Valued:
    """Notional and uPnL at the mark; a stablecoin is never assumed to be 1.00.

    Inverse instruments are read-only here: their worth is not linear in the mark and stays unknown.
    """
    mark, quote_usd, size, entry = position.mark, position.quote_usd, position.size, position.entry
    if not size.is_finite() or not known(entry) or position.instrument.inverse:
        return _UNVALUED
    if mark is None or quote_usd is None or not known(mark) or not known(quote_usd):
        return _UNVALUED
    notional = abs(size) * mark * quote_usd
    gain = size * (mark - entry)
    upnl = gain * quote_usd
    instrument = position.instrument
    if instrument.quote == instrument.settle:
        return Valued(notional, upnl, gain)
    settle_usd = position.settle_usd
    if settle_usd is None or not known(settle_usd):
        return Valued(notional, upnl, None)
    return Valued(notional, upnl, upnl / settle_usd)


def bracket(tiers: tuple[MarginTier, ...] | None, notional: Decimal) -> MarginTier | None:
    """The bracket that a notional falls into; None above the last, or without a sound table."""
    return None if tiers is None or not sound(tiers) else inside(tiers, notional)


def effective_weight(weight: Decimal | None) -> Decimal:
    """Unknown, negative or not a number: 0. Never above 1."""
    if weight is None or not weight.is_finite() or weight <= ZERO:
        return ZERO
    return weight if weight < ONE else ONE


def account_margin(account: AccountInput) -> Margin:
    """Collateral, requirements and ratios of one account as it stands."""
    nets: dict[str, Decimal | None] = {}
    for coin, balance in account.balances.items():
        nets[coin] = balance if balance.is_finite() else None
    fallback: dict[str, Decimal | None] = {}
    upnl: Decimal | None = ZERO
    notional: Decimal | None = ZERO
    maintenance: Decimal | None = ZERO
    initial: Decimal | None = ZERO
    by_symbol: dict[str, Decimal] = {}
    settings: dict[str, Decimal] = {}
    unknown_symbols: list[str] = []
    anything_open = False
    for position in account.positions:
        if position.size.is_finite() and position.size == ZERO:
            continue
        anything_open = True
        instrument = position.instrument
        symbol = instrument.symbol
        coin = instrument.settle
        valued = value_position(position)
        fallback[coin] = position.settle_usd
        setting = account.leverage_settings.get(instrument.id)
        if setting is not None:  # one that is no number is above every limit
            settings[symbol] = max(setting if known(setting) else _BOUNDLESS, settings.get(symbol, ZERO))
        held = nets.get(coin, ZERO)
        gain = valued.upnl_settle
        nets[coin] = None if held is None or gain is None else held + gain
        size_usd = valued.notional
        if size_usd is None or valued.upnl is None:
            upnl = notional = maintenance = initial = None
            unknown_symbols.append(symbol)
            continue
        by_symbol[symbol] = by_symbol.get(symbol, ZERO) + size_usd
        if upnl is not None and notional is not None:
            upnl += valued.upnl
            notional += size_usd
        table = table_of(instrument)
        tier = inside(table.tiers, size_usd) if table.sound else None
        if tier is None:
            maintenance = initial = None
        elif maintenance is not None and initial is not None:
            maintenance += max(ZERO, size_usd * tier.maintenance - tier.cum)
            initial += size_usd * tier.initial
    for symbol in unknown_symbols:
        by_symbol.pop(symbol, None)

    collateral, collateral_initial, equity = _collateral(account, nets, fallback)
    return _ratios(
        collateral=collateral,
        collateral_initial=collateral_initial,
        equity=equity,
        upnl=upnl,
        notional=notional,
        maintenance=maintenance,
        initial=initial,
        by_symbol=by_symbol,
        unknown_symbols=unknown_symbols,
        settings=settings,
        anything_open=anything_open,
    )


def _collateral(
    account: AccountInput, nets: dict[str, Decimal | None], fallback: dict[str, Decimal | None]
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """(C, C by initial weights, equity) from the net amount of each coin; all None when one is unknown."""
    if not account.balances_known:
        return None, None, None
    collateral = collateral_initial = equity = ZERO
    for coin, net in nets.items():
        if net is None:
            return None, None, None
        if net == ZERO:
            continue
        index = ONE if coin == USD else account.indexes.get(coin, fallback.get(coin))
        if index is None or not known(index):
            return None, None, None
        value = net * index
        equity += value
        if net > ZERO:
            collateral += value * effective_weight(account.weights_total.get(coin))
            collateral_initial += value * effective_weight(account.weights_initial.get(coin))
        else:
            collateral += value
            collateral_initial += value
    return collateral, collateral_initial, equity


def portfolio_margin(accounts: Iterable[AccountInput]) -> Margin:
    """The sum over accounts; one account with unknown C makes the sum unknown."""
    return merge_margins(account_margin(account) for account in accounts)


def merge_margins(margins: Iterable[Margin]) -> Margin:
    """What `portfolio_margin` gives, from margins already computed."""
    parts = tuple(margins)
    by_symbol: dict[str, Decimal] = {}
    settings: dict[str, Decimal] = {}
    unknown: list[str] = []
    for part in parts:
        for symbol, notional in part.symbol_notional.items():
            by_symbol[symbol] = by_symbol.get(symbol, ZERO) + notional
        for symbol, setting in part.symbol_setting.items():
            settings[symbol] = max(setting, settings.get(symbol, ZERO))
        unknown.extend(symbol for symbol in part.symbol_leverage if symbol not in part.symbol_notional)
    for symbol in unknown:
        by_symbol.pop(symbol, None)
    return _ratios(
        collateral=_total([part.collateral for part in parts]),
        collateral_initial=_total([part.collateral_initial for part in parts]),
        equity=_total([part.equity for part in parts]),
        upnl=_total([part.upnl for part in parts]),
        notional=_total([part.notional for part in parts]),
        maintenance=_total([part.maintenance for part in parts]),
        initial=_total([part.initial for part in parts]),
        by_symbol=by_symbol,
        unknown_symbols=unknown,
        settings=settings,
        anything_open=any(part.anything_open for part in parts),
    )


def worst_usage(margins: Mapping[str, Margin]) -> tuple[str, Margin] | None:
    """The account nearest to liquidation, by name: infinite first, then unknown, then the largest usage."""
    worst: tuple[str, Margin] | None = None
    for name, margin in margins.items():
        if worst is None or _danger(margin) > _danger(worst[1]):
            worst = (name, margin)
    return worst


def _danger(margin: Margin) -> tuple[int, Decimal]:
    if margin.infinite:
        return (2, ZERO)
    if margin.usage is None:
        return (1, ZERO)
    return (0, margin.usage)


def _total(values: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _ratios(
    *,
    collateral: Decimal | None,
    collateral_initial: Decimal | None,
    equity: Decimal | None,
    upnl: Decimal | None,
    notional: Decimal | None,
    maintenance: Decimal | None,
    initial: Decimal | None,
    by_symbol: dict[str, Decimal],
    unknown_symbols: list[str],
    settings: dict[str, Decimal],
    anything_open: bool,
) -> Margin:
    counts = _positive(collateral)
    counts_initial = _positive(collateral_initial)
    symbol_leverage: dict[str, Decimal | None] = {}
    for symbol, size_usd in by_symbol.items():
        if counts is None:
            symbol_leverage[symbol] = None
        else:
            symbol_leverage[symbol] = max(size_usd / counts, settings.get(symbol, ZERO))
    for symbol in unknown_symbols:
        symbol_leverage[symbol] = None
    return Margin(
        collateral=collateral,
        collateral_initial=collateral_initial,
        equity=equity,
        upnl=upnl,
        notional=notional,
        maintenance=maintenance,
        initial=initial,
        leverage=_ratio(notional, counts),
        infinite=anything_open and (counts is None or notional is None),
        usage=_ratio(maintenance, counts),
        initial_usage=_ratio(initial, counts_initial),
        symbol_notional=by_symbol,
        symbol_leverage=symbol_leverage,
        symbol_setting=settings,
        anything_open=anything_open,
    )


def _positive(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value > ZERO else None


def _ratio(amount: Decimal | None, base: Decimal | None) -> Decimal | None:
    return None if amount is None or base is None else amount / base


_BOUNDLESS = Decimal("Infinity")
_UNVALUED = Valued(None, None, None)
