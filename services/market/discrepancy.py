"""What buying on one venue and selling on another would bring, net of everything (SEMANTICS 6).

The strategy, the console and `status` read the same `Discrepancy`, so what is shown is what is decided. Pure:
plain inputs, `now` in ns, every figure bps of what is bought.

gross = value sold / value bought - 1, both volume-weighted over the known books. Legs quoted in one coin are
compared in that coin, and what is gained stays in it (the residue). Otherwise both are turned into USD at
each coin's own executable price, fee included, on the side that costs; `conversion` is what that takes from
the comparison at mids. A perp pair is got out of again: its costs are four fees, what getting out may cost
(`exit_level`), and the funding of the holding time where that is paid, never where it would be received. Spot
changes hands once: two fees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from services.domain.events import RateRow
from services.domain.instrument import Instrument, joint_lot
from services.domain.money import ZERO, floor_to
from services.market.crossing import (
    CrossRules,
    Discrepancy,
    Look,
    coin_key,
    pair_key,
    refusals,
    spare_of,
)
from services.market.executable import CoinBook, average
from services.market.funding import hourly_rate, hours_ns, projected
from services.market.picture import USD

_BPS = Decimal(10_000)
_MS = 1_000_000


def may_cross(first: Instrument, second: Instrument) -> bool:
    """The same thing on two venues: both perps or both spot, of one underlying."""
    return first.venue != second.venue and first.kind is second.kind and first.underlying == second.underlying


def scan(looks: Sequence[Look], rules: CrossRules, now: int) -> tuple[Discrepancy, ...]:
    """Every pair, the best net edge first; those without one last, by name."""
    rows = [
        judge(one, other, rules, now)
        for index, one in enumerate(looks)
        for other in looks[index + 1 :]
        if may_cross(one.instrument, other.instrument)
    ]
    rows.sort(key=lambda row: (row.net is None, -(row.net or ZERO), row.sell, row.buy))
    return tuple(rows)


def judge(first: Look, second: Look, rules: CrossRules, now: int) -> Discrepancy:
    """Sell where the mid is higher, in one unit; books that are not crossed pay in no other direction.
    Equal or unknown mids: the one that sells the first id."""
    low, high = sorted((first, second), key=lambda look: look.instrument.id)
    rates = _mids(low.instrument, high.instrument, rules.coins)
    one, other = _mid(low), _mid(high)
    if rates is not None and one is not None and other is not None and other * rates[1] > one * rates[0]:
        return _one_way(high, low, rules, now)
    return _one_way(low, high, rules, now)


def unwinding(
    short: Look, long: Look, quantity: Decimal | None, coins: Mapping[str, CoinBook]
) -> Decimal | None:
    """What getting out costs, bps: buying the short back over selling the long, executable, coins at mids.

    More than the known book takes is reckoned for what it takes: exits go slice by slice. None = unknown.
    """
    ask, bid = short.ask, long.bid
    if quantity is None or not quantity.is_finite() or ask is None or bid is None:
        return None
    part = min(quantity, ask.known, bid.known)
    paid, got = average(ask, part), average(bid, part)
    rates = _mids(short.instrument, long.instrument, coins)
    if paid is None or got is None or rates is None:
        return None
    return (paid * rates[0] / (got * rates[1]) - 1) * _BPS


def _mid(look: Look) -> Decimal | None:
    return None if look.bid is None or look.ask is None else (look.bid.price + look.ask.price) / 2


def _mids(
    first: Instrument, second: Instrument, coins: Mapping[str, CoinBook]
) -> tuple[Decimal, Decimal] | None:
    """Both quote coins in one unit, at mids."""
    if first.quote == second.quote:
        return Decimal(1), Decimal(1)
    found = []
    for each in (first, second):
        book = coins.get(coin_key(each.quote, each.venue))
        mid = None if book is None else book.mid()
        if mid is None:
            return None
        found.append(mid)
    return found[0], found[1]


def _one_way(dear: Look, cheap: Look, rules: CrossRules, now: int) -> Discrepancy:
    """Sell `dear`, buy `cheap`."""
    params, sold, bought = rules.params, dear.instrument, cheap.instrument
    perp = sold.is_perp
    same = sold.quote == bought.quote
    books = [] if same else [_coin(rules, each) for each in (sold, bought)]
    quantity = _quantity(dear, cheap, books, rules)
    sell_price, buy_price = average(dear.bid, quantity), average(cheap.ask, quantity)
    gross = at_cost = None
    if sell_price is not None and buy_price is not None:
        gross, at_cost = _gross(sold, bought, sell_price, buy_price, quantity, books)
    fees = _fees(sold, bought, 4 if perp else 2)
    funding = _funding(dear.rate, cheap.rate, hours_ns(params.max_hold_h), now) if perp else ZERO
    conversion = ZERO if gross is None or at_cost is None else gross - at_cost
    costs = net = None
    if fees is not None and funding is not None and gross is not None and at_cost is not None:
        costs = conversion + fees + funding + (params.exit_level if perp else ZERO)
        net = gross - costs
    ages = [dear.age_ns, cheap.age_ns, *(book.age_ns for book in books)]
    known = [age for age in ages if age is not None and age >= 0]
    age = max(known) if len(known) == len(ages) else None
    skew = None if dear.age_ns is None or cheap.age_ns is None else abs(dear.age_ns - cheap.age_ns)
    pair = next(
        (each.id for each in rules.held if pair_key(each.short, each.long) == pair_key(sold.id, bought.id)),
        None,
    )
    row = Discrepancy(
        underlying=sold.underlying,
        kind="perp" if perp else "spot",
        sell=sold.id,
        buy=bought.id,
        quantity=quantity,
        sell_price=sell_price,
        buy_price=buy_price,
        unit=sold.quote if same else USD,
        gross=gross,
        conversion=conversion,
        fees=fees,
        funding=funding,
        costs=costs,
        net=net,
        age_ms=None if age is None else age // _MS,
        skew_ms=None if skew is None else skew // _MS,
        residue=_residue(sold, bought),
        refusals=(),
        pair=pair,
    )
    return replace(row, refusals=tuple(refusals(row, dear, cheap, books, age, skew, rules, now)))


def _coin(rules: CrossRules, spec: Instrument) -> CoinBook:
    found = rules.coins.get(coin_key(spec.quote, spec.venue))
    if found is not None:
        return found
    return CoinBook(
        coin=spec.quote, venue=spec.venue, age_ns=None, missing=f"no {spec.quote}/USD on {spec.venue}"
    )


def _quantity(dear: Look, cheap: Look, books: Sequence[CoinBook], rules: CrossRules) -> Decimal:
    """The trade's size in base units, no more than every book that it needs is known to take; 0 = none."""
    bid, ask, usd = dear.bid, cheap.ask, cheap.quote_usd
    if bid is None or ask is None or usd is None or not usd.is_finite() or usd <= ZERO:
        return ZERO
    most = min(rules.params.trade_size / (ask.price * usd), bid.known, ask.known)
    if books:
        sells, buys = books[0].bid, books[1].ask
        for side, price in ((sells, bid.price), (buys, ask.worst)):
            # USD itself needs no book; a coin without one gives no rate further down, and refuses.
            most = most if side is None else min(most, side.known / price)
    lot = joint_lot(dear.instrument, cheap.instrument)
    if not dear.instrument.is_perp and rules.params.spot:
        # Where there is nothing to give, the figures say what is missed, and the inventory why.
        there = [each for each in spare_of(dear, cheap, rules) if each is not None and each >= lot]
        most = min((most, *there))
    return floor_to(most, lot)


def _gross(
    sold: Instrument,
    bought: Instrument,
    sell_price: Decimal,
    buy_price: Decimal,
    quantity: Decimal,
    books: Sequence[CoinBook],
) -> tuple[Decimal | None, Decimal | None]:
    """(bps with coins at mids, bps with coins at their executable prices and fees)."""
    if not books:
        plain = (sell_price / buy_price - 1) * _BPS
        return plain, plain
    mids = books[0].mid(), books[1].mid()
    got = books[0].usd(sell_price * quantity, buying=False)
    paid = books[1].usd(buy_price * quantity, buying=True)
    if mids[0] is None or mids[1] is None or got is None or paid is None:
        return None, None
    ratio = sell_price / buy_price
    return (ratio * mids[0] / mids[1] - 1) * _BPS, (ratio * got / paid - 1) * _BPS


def _fees(sold: Instrument, bought: Instrument, fills: int) -> Decimal | None:
    """Taker fees, bps; nobody is paid for taking. None = one is unknown."""
    total = ZERO
    for each in (sold, bought):
        fee = each.taker_fee
        if fee is None or not fee.is_finite():
            return None
        total += max(ZERO, fee) * fills / 2
    return total * _BPS


def _funding(short: RateRow | None, long: RateRow | None, horizon_ns: int, now: int) -> Decimal | None:
    """What the pair may pay over the holding time, bps; what it would receive is not counted."""
    flows = []
    for row in (short, long):
        hourly = None if row is None else hourly_rate(row)
        paid = None if row is None or hourly is None else projected(hourly, row, now, horizon_ns)
        if paid is None:
            return None
        flows.append(paid)
    return max(ZERO, flows[1] - flows[0]) * _BPS


def _residue(sold: Instrument, bought: Instrument) -> str:
    if sold.quote == bought.quote:
        return "" if sold.quote == USD else f"gain stays in {sold.quote}"
    return f"long {sold.quote}, short {bought.quote}: not converted"
