"""One instrument on two venues: what is known of it, what was judged, and what stands against an entry.

The arithmetic is `services.market.discrepancy`'s. All refusals are listed; each is a name, with its subject
behind a colon. Missing, stale, NaN or negative figures only ever add one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import Struct

from services.domain.enums import InstrumentKind
from services.domain.events import RateRow
from services.domain.instrument import Instrument, joint_lot
from services.domain.money import ONE, ZERO
from services.market.board import MAX_PAIRS, OPPOSITE, PAIR_OPEN, HeldPair
from services.market.executable import Book, CoinBook
from services.market.funding import hourly_rate, interval_of
from services.market.inventory import Stock, refusal, spare
from services.market.legs import coins_of, in_blackout
from services.settings.cross import Cross

_MS = 1_000_000

SHOWN_ONLY = "spot: shown, not traded"
"""`cross_exchange.spot` is off."""
NOT_HELD = "nothing held"
IDLE = (SHOWN_ONLY, NOT_HELD)
"""Spot that cannot be traded whatever its price: it is only shown."""
SMALL_EDGE = "edge < threshold"
NO_QUOTE = "no quote"
NO_SIZE = "no book for the size"
TOO_OLD = "quote too old"
SKEWED = "quotes too far apart in time"
COOLDOWN = "cooldown"
BLACKOUT = "blackout"
IMPLAUSIBLE = "implausible price"


class Look(Struct, frozen=True, kw_only=True):
    """What is known of one instrument at one instant. None = unknown, never harmless."""

    instrument: Instrument
    bid: Book | None
    """What a sale meets; None = no sane two-sided quote."""
    ask: Book | None
    age_ns: int | None
    """Since the quote's last proof."""
    stale: str = ""
    """What is older than the desk's own limits: `quote`, `mark`; empty = all fresh."""
    quote_usd: Decimal | None = None
    """Index of the quote coin: it turns the size of a trade into base units, nothing else."""
    rate: RateRow | None = None
    """The current funding rate of a perp."""


class CrossRules(Struct, frozen=True, kw_only=True):
    """What is the same for all pairs of one evaluation."""

    params: Cross
    coins: dict[str, CoinBook]
    """`COIN VENUE` -> its way to USD."""
    stocks: tuple[Stock, ...] = ()
    depeg: dict[str, str] = {}
    held: tuple[HeldPair, ...] = ()
    """Of every strategy."""
    mine: tuple[str, ...] = ()
    """Ids of those that are this strategy's."""
    cooldowns: dict[str, int] = {}
    """Unordered pair of instruments -> the instant until which it waits."""
    blocked: str = ""
    step_ns: int = 0
    """History runs: the series' own step; ages and skew stretch to twice of it."""


class Discrepancy(Struct, frozen=True, kw_only=True):
    """One pair of instruments, in the direction that brings more. `refusals` empty = may be entered now."""

    underlying: str
    kind: str
    """`perp` or `spot`."""
    sell: str
    """The instrument on the dear venue."""
    buy: str
    quantity: Decimal
    """Base units that the figures are reckoned for; 0 = none could be."""
    sell_price: Decimal | None
    """Volume-weighted, in its quote coin."""
    buy_price: Decimal | None
    unit: str
    """The coin that the legs are compared in."""
    gross: Decimal | None
    """bps, at the executable prices, coins at mids."""
    conversion: Decimal
    fees: Decimal | None
    funding: Decimal | None
    """Paid over the longest holding time; 0 when it would be received."""
    costs: Decimal | None
    """conversion + fees + funding + exit_level."""
    net: Decimal | None
    age_ms: int | None
    """Of the older of all quotes that were used."""
    skew_ms: int | None
    residue: str
    """The coin exposure that is left, in words: nothing of it is converted."""
    refusals: tuple[str, ...]
    """All that stand against an entry; the first is the one that is told."""
    pair: str | None = None

    @property
    def key(self) -> str:
        return pair_key(self.sell, self.buy)


def pair_key(first: str, second: str) -> str:
    """The same whichever is sold."""
    return f"{min(first, second)}|{max(first, second)}"


def coin_key(coin: str, venue: str) -> str:
    return f"{coin} {venue}"


def refusals(
    row: Discrepancy,
    dear: Look,
    cheap: Look,
    books: Sequence[CoinBook],
    age: int | None,
    skew: int | None,
    rules: CrossRules,
    now: int,
) -> list[str]:
    """Facts and ages first, then the edge, then what our own book and the clock say."""
    params = rules.params
    out = list(dict.fromkeys(text for look in (dear, cheap) for text in _facts(look)))
    out += [book.missing for book in books if book.missing]
    out += _times(age, skew, rules)
    if row.gross is None and not out:
        out.append(NO_SIZE)
    if row.gross is not None and abs(row.gross) > params.max_discrepancy:
        out.append(IMPLAUSIBLE)
    if row.net is None or row.net < params.threshold:
        out.append(SMALL_EDGE if row.net is not None else "edge unknown")
    if row.kind == "spot" and not params.spot:
        return [*out, SHOWN_ONLY]
    for coin in coins_of(dear.instrument, cheap.instrument):
        if rules.depeg.get(coin, "unknown") not in ("ok", "warn"):
            out.append(f"depeg: {coin}")
    out += _inventory(dear, cheap, rules)
    out += own_book(row, rules, now)
    if any(
        look.rate is not None and in_blackout(look.rate, now, params.blackout_s, params.blackout_s)
        for look in (dear, cheap)
    ):
        out.append(BLACKOUT)
    return out


def gives(sold: Instrument, bought: Instrument) -> tuple[tuple[str, str], tuple[str, str]]:
    """(coin, venue) that each leg lives on: the settle coin of a perp; of spot what goes away, the coin sold
    and the one it is bought with."""
    if sold.is_perp:
        return (sold.settle, sold.venue), (bought.settle, bought.venue)
    return (sold.underlying, sold.venue), (bought.quote, bought.venue)


def spare_of(dear: Look, cheap: Look, rules: CrossRules) -> tuple[Decimal | None, Decimal | None]:
    """Base units that a spot pair may sell here and buy there, at the known worst and with the fee; None =
    unknown."""
    sold, bought = dear.instrument, cheap.instrument
    low, ask, fee = rules.params.inventory_low, cheap.ask, bought.taker_fee
    sells, money = (spare(rules.stocks, coin, venue, low) for coin, venue in gives(sold, bought))
    if money is None or ask is None or fee is None or not fee.is_finite():
        return sells, None
    return sells, money / (ask.worst * (ONE + max(ZERO, fee)))


def _inventory(dear: Look, cheap: Look, rules: CrossRules) -> list[str]:
    """What runs low, or lies nowhere, of what the legs need."""
    sold, bought = dear.instrument, cheap.instrument
    needs = gives(sold, bought)
    out: list[str] = []
    for coin, venue in needs:
        text = refusal(rules.stocks, coin, venue)
        if text and not sold.is_perp and not any(row.coin == coin for row in rules.stocks):
            # A coin of spot alone has a row where anybody holds it; without one the rest does not matter.
            return [f"{NOT_HELD}: {coin} on {venue}"]
        if text:
            out.append(text)
    if sold.is_perp or out:
        return out
    for most, (coin, venue) in zip(spare_of(dear, cheap, rules), needs, strict=True):
        if most is None or most < _least(dear, cheap):
            out.append(f"inventory {'unknown' if most is None else 'low'}: {coin} on {venue}")
    return out


def _least(dear: Look, cheap: Look) -> Decimal:
    """Base units worth an exchange: twice what a venue takes in one order, for a part of it may have to go
    back."""
    least = joint_lot(dear.instrument, cheap.instrument)
    for look, side in ((dear, dear.bid), (cheap, cheap.ask)):
        spec, usd = look.instrument, look.quote_usd
        least = max(least, spec.min_size)
        if side is not None and usd is not None and usd > ZERO and spec.min_notional > ZERO:
            least = max(least, 2 * spec.min_notional / (side.price * usd))
    return least


def _facts(look: Look) -> list[str]:
    spec = look.instrument
    out: list[str] = []
    if spec.inverse:
        out.append("inverse contract")
    if spec.delisting_ts is not None:
        out.append("delisting")
    if spec.taker_fee is None or not spec.taker_fee.is_finite():
        out.append(f"unknown fee: {spec.id}")
    if look.age_ns is None or look.bid is None or look.ask is None:
        out.append(f"{NO_QUOTE}: {spec.id}")
    if look.stale:
        out.append(f"stale {look.stale}: {spec.id}")
    if spec.kind is InstrumentKind.PERP:
        if spec.tiers is None:
            out.append("unknown margin tiers")
        row = look.rate
        if row is None or hourly_rate(row) is None or interval_of(row) is None or row.next_ts is None:
            out.append(f"unknown funding: {spec.id}")
    return out


def _times(age: int | None, skew: int | None, rules: CrossRules) -> Iterable[str]:
    """Reached at >=, like every limit. `age` None: one is unknown, or lies in the future."""
    stretch = 2 * rules.step_ns
    if age is None or age >= max(rules.params.quote_age_ms * _MS, stretch):
        yield TOO_OLD if age is not None else f"{TOO_OLD}: age unknown"
    if skew is None or skew >= max(rules.params.skew_ms * _MS, stretch):
        yield SKEWED


def own_book(row: Discrepancy, rules: CrossRules, now: int) -> Iterable[str]:
    """State, cooldown, and pairs that are there: an instrument is never held on both sides, by whomever."""
    if rules.blocked:
        yield rules.blocked
    if rules.cooldowns.get(row.key, now) > now:
        yield COOLDOWN
    if row.pair is not None:
        yield PAIR_OPEN
    for each in rules.held:
        if each.short == row.buy or each.long == row.sell:
            yield f"{OPPOSITE}: {each.id}" if each.id else OPPOSITE
            break
    if len(rules.mine) >= rules.params.max_pairs:
        yield MAX_PAIRS
