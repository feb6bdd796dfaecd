"""The what-if of the Stress screen, on the last known figures. It changes nothing and asks nobody.

The same shock rule, margin and distance as the gate's (SEMANTICS 2): a second reckoning would show another
account than the one that trades.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext

from services.desk.core import DeskCore
from services.desk.views.cache import ViewCache
from services.desk.views.figures import Figures
from services.desk.views.risk import stress_ready, stress_rows
from services.domain.money import DESK_CONTEXT, DOLLARS, ONE, ZERO
from services.portfolio.distance import joint_distance
from services.portfolio.inputs import USD, AccountInput
from services.portfolio.margin import Margin, account_margin, merge_margins, worst_usage
from services.portfolio.shock import Shock, shocked
from services.views.stress import (
    CaseView,
    OutcomeView,
    ShockView,
    StepView,
    StressLab,
    parse_changes,
)

SHARES = (ZERO, Decimal("0.5"), ONE, Decimal("1.5"), Decimal(2))
"""Of the chosen shocks."""


def stress_lab(core: DeskCore, cache: ViewCache | None = None, argument: str = "") -> StressLab | None:
    """None = the argument is no list of shocks of coins the desk knows."""
    with localcontext(DESK_CONTEXT):
        figures = Figures(core, cache)
        coins = known_coins(figures)
        try:
            changes = parse_changes(argument)
        except ValueError:
            return None
        if not changes.keys() <= coins.keys():
            return None
        return figures.cache.get(
            "stress lab", (figures.token, argument), lambda: _made(figures, coins, changes)
        )


def lab_ready(core: DeskCore, cache: ViewCache) -> bool:
    """One step towards the standing cases where none can be shown yet."""
    with localcontext(DESK_CONTEXT):
        return stress_ready(Figures(core, cache))


def _made(figures: Figures, coins: Mapping[str, bool], changes: dict[str, Decimal]) -> StressLab:
    books = figures.last_books
    known = {share: _books(books, changes, share) for share in SHARES if changes or share == ZERO}
    after = known.get(ONE)
    return StressLab(
        ts=figures.now,
        shocks=tuple(
            ShockView(coin=coin, held=held, price=_price(figures, coin), change=changes.get(coin, ZERO))
            for coin, held in coins.items()
        ),
        outcomes=_outcomes(figures, after or books),
        steps=tuple(_step(share, found) for share, found in known.items() if found is not None),
        cases=tuple(
            CaseView(
                name=row.name,
                changes=_changes(row.shock),
                equity_change=row.equity_change,
                usage=row.usage,
                leverage=row.leverage,
                infinite=row.infinite,
            )
            for row in stress_rows(figures)
        ),
    )


def known_coins(figures: Figures) -> dict[str, bool]:
    """Every coin with a USD price that an instrument or a balance hangs on, and whether we hold of it.

    Stablecoins first, then what is held, then the others by name.
    """
    core, held = figures.core, _held(figures.last_books.values())
    found = set(held)
    for spec in core.instruments.values():
        found |= {spec.underlying, spec.quote, spec.settle}
    found.discard(USD)
    order = sorted(found, key=lambda coin: (_place(coin), coin not in held, coin))
    return {coin: coin in held for coin in order}


def _place(coin: str) -> int:
    return DOLLARS.index(coin) if coin in DOLLARS else len(DOLLARS)


def _held(books: Iterable[AccountInput]) -> set[str]:
    held: set[str] = set()
    for book in books:
        held |= {coin for coin, amount in book.balances.items() if amount != ZERO}
        for position in book.positions:
            if position.size != ZERO:
                spec = position.instrument
                held |= {spec.underlying, spec.quote, spec.settle}
    held.discard(USD)
    return held


def _price(figures: Figures, coin: str) -> Decimal | None:
    core = figures.core
    for venue in figures.last_books:
        index = core.picture.index(venue, coin)
        if index is not None:
            return index
    for spec in core.instruments.values():
        if spec.underlying == coin:
            mark, usd = core.picture.mark(spec.id), core.picture.quote_usd(spec.id)
            if mark is not None and usd is not None:
                return mark * usd
    return None


def _books(
    books: Mapping[str, AccountInput], changes: Mapping[str, Decimal], share: Decimal
) -> dict[str, AccountInput] | None:
    """The accounts after `share` times the changes; None = a coin would be worth nothing or less."""
    factors = {coin: ONE + share * change for coin, change in changes.items()}
    if any(factor <= ZERO for factor in factors.values()):
        return None
    shock = Shock(underlyings=factors)
    return {venue: shocked(book, shock) for venue, book in books.items()}


def _outcomes(figures: Figures, after: Mapping[str, AccountInput]) -> tuple[OutcomeView, ...]:
    now = figures.last_books
    before = {venue: account_margin(book) for venue, book in now.items()}
    then = {venue: account_margin(book) for venue, book in after.items()}
    near = {venue: joint_distance(book) for venue, book in now.items()}
    far = {venue: joint_distance(book) for venue, book in after.items()}
    rows = [
        OutcomeView(
            venue=venue,
            equity_now=before[venue].equity,
            equity=then[venue].equity,
            leverage_now=before[venue].leverage,
            leverage=then[venue].leverage,
            usage_now=before[venue].usage,
            usage=then[venue].usage,
            distance_now=near[venue],
            distance=far[venue],
            holds=before[venue].anything_open,
            infinite=then[venue].infinite,
            stale=figures.stale(venue),
        )
        for venue in now
    ]
    return (_whole(before, then, near, far, any(row.stale for row in rows)), *rows)


def _whole(
    before: Mapping[str, Margin],
    then: Mapping[str, Margin],
    near: Mapping[str, Decimal | None],
    far: Mapping[str, Decimal | None],
    stale: bool,
) -> OutcomeView:
    first, last = merge_margins(before.values()), merge_margins(then.values())
    return OutcomeView(
        venue="",
        equity_now=first.equity,
        equity=last.equity,
        leverage_now=first.leverage,
        leverage=last.leverage,
        usage_now=_usage(before),
        usage=_usage(then),
        distance_now=_nearest(before, near),
        distance=_nearest(then, far),
        holds=any(margin.anything_open for margin in before.values()),
        infinite=_gone(then),
        stale=stale,
    )


def _step(share: Decimal, books: Mapping[str, AccountInput]) -> StepView:
    margins = {venue: account_margin(book) for venue, book in books.items()}
    total = merge_margins(margins.values())
    return StepView(
        share=share,
        equity=total.equity,
        usage=_usage(margins),
        leverage=total.leverage,
        distance=_nearest(margins, {venue: joint_distance(book) for venue, book in books.items()}),
        infinite=_gone(margins),
    )


def _usage(margins: Mapping[str, Margin]) -> Decimal | None:
    worst = worst_usage(dict(margins))
    return None if worst is None else worst[1].usage


def _gone(margins: Mapping[str, Margin]) -> bool:
    return any(margin.infinite for margin in margins.values())


def _nearest(margins: Mapping[str, Margin], distances: Mapping[str, Decimal | None]) -> Decimal | None:
    """The smallest; one account that cannot be valued makes it unknown."""
    open_ones = [venue for venue, margin in margins.items() if margin.anything_open]
    if any(margins[venue].usage is None for venue in open_ones):
        return None
    found: Sequence[Decimal] = [distance for venue in open_ones if (distance := distances[venue]) is not None]
    return min(found, default=None)


def _changes(shock: Shock | None) -> dict[str, Decimal]:
    if shock is None:
        return {}
    coins = dict.fromkeys((*shock.coins, *shock.underlyings))
    return {coin: shock.factor(coin) - ONE for coin in coins}
