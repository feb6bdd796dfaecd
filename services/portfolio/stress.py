"""The stress table: what is left after a depeg, a market move, and both (SEMANTICS 2).

Rows: each held stablecoin -1, -3, -10 %; everything with an open position +5 and -5 %; the funding of every
held pair flipped for 24 h; the worst combination of a depeg with an adverse move; the historical depegs of
coins we touch. Usage is that of the worst account; leverage and equity are over all. "Adverse" is the worst
of all up, all down, and each underlying against our net position, over all and of each account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from services.domain.money import DOLLARS, ONE, ZERO
from services.portfolio.exposure import coin_exposure, exposed_coins
from services.portfolio.inputs import AccountInput, coin_index
from services.portfolio.margin import Margin, account_margin, merge_margins, worst_usage
from services.portfolio.shock import Shock, shocked

FALLS: tuple[Decimal, ...] = (Decimal("0.01"), Decimal("0.03"), Decimal("0.10"))
MOVE = Decimal("0.05")
_DAY_H = Decimal(24)
_HUNDRED = Decimal(100)


class Preset(Struct, frozen=True):
    """A depeg that happened: the low of the coin against the dollar."""

    name: str
    falls: dict[str, Decimal]


PRESETS: tuple[Preset, ...] = (
    Preset("USDT 2022-05 (0.95)", {"USDT": Decimal("0.05")}),
    Preset("USDT 2022-11 (0.93)", {"USDT": Decimal("0.07")}),
    Preset("USDC 2023-03 (0.8774)", {"USDC": Decimal("0.1226")}),
    Preset("FDUSD 2025-04 (0.87)", {"FDUSD": Decimal("0.13")}),
    Preset("USDe 2025-10 (0.65)", {"USDE": Decimal("0.35")}),
)
"""BUSD's discount of 2023-02 was mild and is covered by the -1 % row; UST 2022-05 went to nothing."""


class FundingLeg(Struct, frozen=True, kw_only=True):
    """One leg of a held pair, for the flipped-funding row."""

    pair: str
    venue: str
    settle: str
    size: Decimal
    """Signed."""
    price: Decimal | None
    rate: Decimal | None
    """Per interval; None = unknown."""
    interval_h: Decimal | None

    def day(self) -> Decimal | None:
        """What 24 h of the present rate bring, settle coin; received > 0."""
        if self.price is None or self.rate is None or self.interval_h is None or self.interval_h <= ZERO:
            return None
        return -self.size * self.price * self.rate * _DAY_H / self.interval_h


class StressRow(Struct, frozen=True, kw_only=True):
    """None = unknown; `infinite` = collateral gone with positions open."""

    name: str
    equity: Decimal | None
    equity_change: Decimal | None
    usage: Decimal | None
    worst_venue: str | None
    leverage: Decimal | None
    infinite: bool
    shock: Shock | None = None
    """What moved; None where no price did."""


def stress_table(
    accounts: Sequence[AccountInput],
    held: Sequence[str] | None = None,
    funding: Sequence[FundingLeg] = (),
) -> tuple[StressRow, ...]:
    """All rows. `held`: the stablecoins to shock; None = those that any balance or position touches."""
    return tuple(stressed(accounts, held, funding))


def stressed(
    accounts: Sequence[AccountInput],
    held: Sequence[str] | None = None,
    funding: Sequence[FundingLeg] = (),
) -> Iterator[StressRow]:
    """The rows of `stress_table`, one after the other."""
    coins = tuple(held) if held is not None else exposed_coins(accounts)
    before = _total_equity(accounts)
    for coin in coins:
        for fall in FALLS:
            yield _row(f"{coin} −{_percent(fall)} %", accounts, Shock(coins={coin: fall}), before)
    perps = _underlyings(accounts)
    if perps:
        for name, factor in (("+", ONE + MOVE), ("−", ONE - MOVE)):
            shock = Shock(underlyings=dict.fromkeys(perps, factor))
            yield _row(f"every perp {name}{_percent(MOVE)} %", accounts, shock, before)
    if funding:
        yield flipped_row(accounts, funding)
    worst = _worst(accounts, coins, perps, before)
    if worst is not None:
        yield worst
    touched = set(coins)
    for preset in PRESETS:
        if touched.intersection(preset.falls):
            yield _row(preset.name, accounts, Shock(coins=preset.falls), before)


def _row(name: str, accounts: Sequence[AccountInput], shock: Shock, before: Decimal | None) -> StressRow:
    return _judged(name, [shocked(account, shock) for account in accounts], before, shock)


def _judged(
    name: str, accounts: Iterable[AccountInput], before: Decimal | None, shock: Shock | None = None
) -> StressRow:
    margins: dict[str, Margin] = {account.venue: account_margin(account) for account in accounts}
    total = merge_margins(margins.values())
    worst = worst_usage(margins)
    change = None if total.equity is None or before is None else total.equity - before
    return StressRow(
        name=name,
        equity=total.equity,
        equity_change=change,
        usage=None if worst is None else worst[1].usage,
        worst_venue=None if worst is None else worst[0],
        leverage=total.leverage,
        infinite=total.infinite or any(margin.infinite for margin in margins.values()),
        shock=shock,
    )


def stress_row(name: str, accounts: Sequence[AccountInput], shock: Shock) -> StressRow:
    """What this one shock leaves."""
    return _row(name, accounts, shock, _total_equity(accounts))


def flipped_row(accounts: Sequence[AccountInput], funding: Sequence[FundingLeg]) -> StressRow:
    """Each pair pays for 24 h what it now receives; one that pays already goes on paying."""
    before = _total_equity(accounts)
    name = "funding flipped 24 h"
    by_pair: dict[str, list[FundingLeg]] = {}
    for leg in funding:
        by_pair.setdefault(leg.pair, []).append(leg)
    indexes: Mapping[str, AccountInput] = {account.venue: account for account in accounts}
    paid: dict[tuple[str, str], Decimal] = {}
    for legs in by_pair.values():
        flows = []
        net = ZERO
        for leg in legs:
            account = indexes.get(leg.venue)
            index = None if account is None else coin_index(account, leg.settle)
            flow = leg.day()
            if flow is None or index is None:
                return _unknown(name)
            flows.append((leg, flow))
            net += flow * index
        sign = -ONE if net > ZERO else ONE
        for leg, flow in flows:
            key = (leg.venue, leg.settle)
            paid[key] = paid.get(key, ZERO) + sign * flow
    after = []
    for account in accounts:
        balances = dict(account.balances)
        for (venue, coin), amount in paid.items():
            if venue == account.venue:
                balances[coin] = balances.get(coin, ZERO) + amount
        after.append(_with_balances(account, balances))
    return _judged(name, after, before)


def _with_balances(account: AccountInput, balances: dict[str, Decimal]) -> AccountInput:
    return AccountInput(
        venue=account.venue,
        balances=balances,
        weights_total=account.weights_total,
        weights_initial=account.weights_initial,
        indexes=account.indexes,
        positions=account.positions,
        leverage_settings=account.leverage_settings,
        marks=account.marks,
        balances_known=account.balances_known,
    )


def _worst(
    accounts: Sequence[AccountInput], coins: Sequence[str], perps: Sequence[str], before: Decimal | None
) -> StressRow | None:
    """The worst of: one stablecoin -10 %, together with a move of everything else that has a position."""
    worst: StressRow | None = None
    for coin in coins:
        others = [perp for perp in perps if perp != coin]
        if not others:
            continue
        for word, moves in _moves(accounts, others):
            name = f"worst: {coin} −{_percent(FALLS[-1])} %, {word}{_percent(MOVE)} %"
            row = _row(name, accounts, Shock(underlyings=moves, coins={coin: FALLS[-1]}), before)
            if worst is None or _badness(row) > _badness(worst):
                worst = row
    return worst


def _moves(accounts: Sequence[AccountInput], perps: Sequence[str]) -> list[tuple[str, dict[str, Decimal]]]:
    """Also each against one account: pairs over two venues net to nothing over all, and the usage is that of
    the worst account."""
    found = [
        ("perps −", dict.fromkeys(perps, ONE - MOVE)),
        ("perps +", dict.fromkeys(perps, ONE + MOVE)),
        ("each against us ", _against(accounts, perps)),
    ]
    for account in accounts:
        moves = _against((account,), perps)
        if all(moves != other for _, other in found):
            found.append((f"each against {account.venue} ", moves))
    return found


def _against(accounts: Sequence[AccountInput], perps: Sequence[str]) -> dict[str, Decimal]:
    against: dict[str, Decimal] = {}
    for perp in perps:
        net = ZERO
        for account in accounts:
            net += coin_exposure(account, perp).by_positions or ZERO
        against[perp] = ONE - MOVE if net > ZERO else ONE + MOVE
    return against


def _badness(row: StressRow) -> tuple[int, Decimal, Decimal]:
    """Collateral gone, then a usage that nobody knows, then the larger usage; of equals the deeper loss."""
    left = row.equity or ZERO
    if row.infinite:
        return (2, ZERO, -left)
    if row.usage is None:
        return (1, ZERO, -left)
    return (0, row.usage, -left)


def _unknown(name: str) -> StressRow:
    return StressRow(
        name=name,
        equity=None,
        equity_change=None,
        usage=None,
        worst_venue=None,
        leverage=None,
        infinite=False,
    )


def _total_equity(accounts: Sequence[AccountInput]) -> Decimal | None:
    return merge_margins(account_margin(account) for account in accounts).equity


def _underlyings(accounts: Iterable[AccountInput]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for account in accounts:
        for position in account.positions:
            if position.size != ZERO:
                found[position.instrument.underlying] = None
    volatile = [name for name in found if name not in DOLLARS]
    return (*volatile, *(name for name in DOLLARS if name in found))


def _percent(fraction: Decimal) -> str:
    return format((fraction * _HUNDRED).normalize(), "f")
