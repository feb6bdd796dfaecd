"""Limits of accounts and of all of them together, measured after the worst fill (SEMANTICS 3).

Each function returns checks with value, limit and head-room. Value limits are reached at >=: a value at its
limit is refused. An unknown value fails. `room` is the head-room in USD notional to
first order, for the risk pane; the sizing's exact bounds come from `services.risk.rooms`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from services.domain.money import DOLLARS, ZERO
from services.portfolio.distance import joint_distance
from services.portfolio.tables import table_of
from services.risk.context import Check, GateContext
from services.risk.lines import Line
from services.risk.worst import AccountWorst, Worst
from services.settings.parameters import Gate, InstrumentLimit

ALL = "all"


def limit_row(gate: Gate, symbol: str) -> InstrumentLimit:
    """The row of a symbol, over all venues; without one the default."""
    return gate.limits.get(symbol, gate.default_limit)


def portfolio_limits(ctx: GateContext, worst: Worst, symbols: Iterable[str]) -> list[Check]:
    """All account-wide and desk-wide limits; `symbols` are those whose position the question changes."""
    gate = ctx.settings.gate
    checks: list[Check] = []
    for symbol in dict.fromkeys(symbols):
        checks.extend(_symbol_notional(ctx, worst, symbol))
    for account in worst.accounts.values():
        if account.touched:
            checks.extend(_account(ctx, account))
    checks.append(_leverage(ALL, worst.notional, worst.collateral, worst.anything_open, gate))
    lines = [line for account in worst.accounts.values() for line in account.lines.values()]
    checks.append(_initial(ALL, worst.initial, worst.collateral_initial, lines, gate))
    checks.extend(_symbol_leverage_all(worst, gate))
    checks.extend(_coin_exposure(ALL, worst.exposures, worst.collateral, gate))
    checks.extend(_minimum_equity(ctx, worst))
    if len(worst.accounts) > 1:
        checks.extend(_venue_share(worst, gate))
    return checks


def _symbol_notional(ctx: GateContext, worst: Worst, symbol: str) -> list[Check]:
    """The position that would result, summed over venues, each at its worst; and rows of one venue alone."""
    gate = ctx.settings.gate
    value = worst.symbol_notional.get(symbol, ZERO)
    limit = limit_row(gate, symbol).max_position
    checks = [usd_check("position notional", symbol, value, limit)]
    for account in worst.accounts.values():
        for name, line in account.lines.items():
            row = gate.limits.get(name)
            if line.instrument.symbol != symbol or row is None:
                continue
            unit = line.usd_per_unit()
            alone = None if unit is None else abs(line.worst()) * unit
            checks.append(usd_check("position notional", name, alone, row.max_position))
    return checks


def _account(ctx: GateContext, account: AccountWorst) -> list[Check]:
    gate, margin, venue = ctx.settings.gate, account.margin, account.venue
    opened = margin.anything_open
    checks = [
        _leverage(venue, margin.notional, margin.collateral, opened, gate),
        _initial(venue, margin.initial, margin.collateral_initial, account.lines.values(), gate),
        _usage(ctx, account),
        _distance(account, gate),
    ]
    for symbol, leverage in margin.symbol_leverage.items():
        limit = limit_row(gate, symbol).max_leverage
        base = margin.collateral
        checks.append(_ratio_check("symbol leverage", f"{symbol} {venue}", leverage, limit, "x", base))
        for name, line in account.lines.items():
            row = gate.limits.get(name)
            if row is not None and line.instrument.symbol == symbol:
                checks.append(_ratio_check("symbol leverage", name, leverage, row.max_leverage, "x", base))
    checks.extend(_coin_exposure(venue, account.exposures, margin.collateral, gate))
    return checks


def _leverage(
    subject: str, notional: Decimal | None, collateral: Decimal | None, opened: bool, gate: Gate
) -> Check:
    value = _ratio(notional, collateral, opened)
    return _ratio_check("portfolio leverage", subject, value, gate.portfolio_leverage, "x", collateral)


def _initial(
    subject: str, initial: Decimal | None, collateral: Decimal | None, lines: Iterable[Line], gate: Gate
) -> Check:
    held = list(lines)
    value = _ratio(initial, collateral, any(line.worst() != ZERO for line in held))
    base = _over(collateral, max((_steepest(line, "initial") for line in held), default=ZERO))
    return _ratio_check("initial usage", subject, value, gate.max_initial_usage, "fraction", base)


def _usage(ctx: GateContext, account: AccountWorst) -> Check:
    """No new risk from the first step of the margin ladder on, if that is the lower one."""
    limit = min(ctx.settings.gate.max_margin_usage, ctx.settings.ladder.no_new_risk)
    margin = account.margin
    value = _ratio(margin.maintenance, margin.collateral, margin.anything_open)
    steepest = max((_steepest(line, "maintenance") for line in account.lines.values()), default=ZERO)
    return _ratio_check(
        "margin usage", account.venue, value, limit, "fraction", _over(margin.collateral, steepest)
    )


def _distance(account: AccountWorst, gate: Gate) -> Check:
    """The least joint liquidation distance over the worst sizes, all buys and all sells; refused below."""
    name, limit = "liquidation distance", gate.min_joint_distance
    if account.margin.anything_open and (account.margin.usage is None or account.margin.infinite):
        return unknown_check(name, account.venue, limit, "fraction")
    nearest: Decimal | None = None
    for scenario in account.scenarios:
        distance = joint_distance(scenario)
        if distance is not None and (nearest is None or distance < nearest):
            nearest = distance
    if nearest is None:
        return Check(
            name=name, subject=account.venue, limit=limit, unit="fraction", passed=True,
            text=f"{name} {account.venue}: no such move",
        )  # fmt: skip
    return Check(
        name=name,
        subject=account.venue,
        value=nearest,
        limit=limit,
        head_room=nearest - limit,
        unit="fraction",
        passed=nearest >= limit,
        text=f"{name} {account.venue} {nearest:.2%} against at least {limit:.2%}",
    )


def _symbol_leverage_all(worst: Worst, gate: Gate) -> list[Check]:
    checks = []
    for symbol, notional in worst.symbol_notional.items():
        if notional == ZERO:
            continue
        value = _ratio(notional, worst.collateral, True)
        limit = limit_row(gate, symbol).max_leverage
        checks.append(_ratio_check("symbol leverage", f"{symbol} {ALL}", value, limit, "x", worst.collateral))
    return checks


def _coin_exposure(
    subject: str,
    exposures: dict[str, tuple[Decimal, Decimal] | None],
    collateral: Decimal | None,
    gate: Gate,
) -> list[Check]:
    checks = []
    for coin in DOLLARS:
        if coin not in exposures:
            continue
        ends = exposures[coin]
        size = None if ends is None else max(abs(ends[0]), abs(ends[1]))
        if size == ZERO:
            continue
        value = _ratio(size, collateral, True)
        limit = gate.max_coin_exposure
        checks.append(
            _ratio_check("coin exposure", f"{coin} {subject}", value, limit, "fraction", collateral)
        )
    return checks


def _minimum_equity(ctx: GateContext, worst: Worst) -> list[Check]:
    """Below the minimum nothing new is opened: on any account concerned, nor over all."""
    least = ctx.settings.gate.min_equity
    figures = [(ALL, worst.equity)]
    figures += [
        (account.venue, account.margin.equity) for account in worst.accounts.values() if account.touched
    ]
    checks = []
    for subject, equity in figures:
        if equity is None or not equity.is_finite():
            checks.append(unknown_check("minimum equity", subject, least, "usd"))
            continue
        checks.append(
            Check(
                name="minimum equity",
                subject=subject,
                value=equity,
                limit=least,
                head_room=equity - least,
                unit="usd",
                passed=equity >= least,
                text=f"minimum equity {subject} {equity:,.2f} USD against at least {least:,.2f} USD",
            )
        )
    return checks


def _venue_share(worst: Worst, gate: Gate) -> list[Check]:
    """Concentration of equity on one venue: warns only."""
    checks = []
    total = worst.equity
    for account in worst.accounts.values():
        equity = account.margin.equity
        share = None
        if equity is not None and total is not None and total > ZERO:
            share = equity / total
        limit = gate.max_venue_share
        over = share is None or share >= limit
        figure = "unknown" if share is None else f"{share:.2%}"
        checks.append(
            Check(
                name="venue share",
                subject=account.venue,
                value=share,
                limit=limit,
                head_room=None if share is None else limit - share,
                unit="fraction",
                passed=True,
                warns=over,
                text=f"venue share {account.venue} {figure} of equity, limit {limit:.2%} (warns only)",
            )
        )
    return checks


def _ratio(amount: Decimal | None, base: Decimal | None, opened: bool) -> Decimal | None:
    """amount / base; with nothing open 0 whatever the base; a base unknown or <= 0 is a breach (None)."""
    if not opened:
        return ZERO
    if amount is None or base is None or not base.is_finite() or base <= ZERO:
        return None
    return amount / base


def _steepest(line: Line, kind: str) -> Decimal:
    """The highest ratio of an instrument's brackets; of an unsound table none (its check fails by itself)."""
    table = table_of(line.instrument)
    return table.steepest_initial if kind == "initial" else table.steepest_maintenance


def _over(base: Decimal | None, ratio: Decimal) -> Decimal | None:
    return None if base is None or ratio <= ZERO else base / ratio


def _ratio_check(
    name: str, subject: str, value: Decimal | None, limit: Decimal, unit: str, base: Decimal | None
) -> Check:
    """`base`: USD notional that one unit of the ratio stands for."""
    if value is None or not value.is_finite():
        return unknown_check(name, subject, limit, unit)
    shown, bound = (f"{value:.2f}×", f"{limit:.2f}×") if unit == "x" else (f"{value:.2%}", f"{limit:.2%}")
    return Check(
        name=name,
        subject=subject,
        value=value,
        limit=limit,
        head_room=limit - value,
        room=None if base is None else (limit - value) * base,
        unit=unit,
        passed=value < limit,
        text=f"{name} {subject} {shown} of {bound}",
    )


def usd_check(name: str, subject: str, value: Decimal | None, limit: Decimal) -> Check:
    if value is None or not value.is_finite():
        return unknown_check(name, subject, limit, "usd")
    return Check(
        name=name,
        subject=subject,
        value=value,
        limit=limit,
        head_room=limit - value,
        room=limit - value,
        unit="usd",
        passed=value < limit,
        text=f"{name} {subject} {value:,.2f} of {limit:,.2f} USD",
    )


def unknown_check(name: str, subject: str, limit: Decimal, unit: str) -> Check:
    return Check(
        name=name, subject=subject, limit=limit, unit=unit, passed=False, text=f"{name} {subject} is unknown"
    )
