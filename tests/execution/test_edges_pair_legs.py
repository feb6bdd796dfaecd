"""The arithmetic of two legs, reckoned again by hand in a world without round figures (docs/mutants.md)."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import msgspec
import pytest

from services.domain.enums import PairState
from services.domain.instrument import Instrument
from services.execution.pair_legs import (
    convert,
    cuttable,
    dust,
    excess,
    hedgeable,
    joint_least,
    least,
    leaves,
    lot,
    measure,
    nothing_left,
    reference,
    residual_bound,
    unit_usd,
    within_residual,
)
from services.execution.pair_moves import heavy_cut
from services.execution.pair_state import LONG, SHORT
from services.settings.parameters import Pair as PairSettings
from tests.execution.builders import BTC_A, BTC_B, SECOND, START
from tests.execution.hand import ODD, Coins, Hand

D = Decimal
PAIRS = PairSettings()


def sized(short: str, long: str, **more: str) -> Hand:
    return Hand(**more).put(PairState.OPENING, short, long)  # type: ignore[arg-type]


def test_grids_and_proportions() -> None:
    hedge, peg = Hand(), Hand(kind="peg", target="700", long_target="300")
    assert [lot(hedge.pair, number, ODD) for number in (SHORT, LONG)] == [D("0.002")] * 2
    assert [lot(peg.pair, number, ODD) for number in (SHORT, LONG)] == [1, 10]
    assert convert(hedge.pair, D("0.123"), LONG) == D("0.123")
    assert convert(peg.pair, D(10), LONG) == D("4.285714285714286")
    assert convert(peg.pair, D(3), SHORT) == 7


@pytest.mark.parametrize(
    ("short", "long", "found"),
    [("0.4", "0.4", (0, 0)), ("0.4", "0.3", (SHORT, D("0.1"))), ("0.1", "0.3", (LONG, D("0.2")))],
)
def test_the_heavier_leg_and_its_excess(short: str, long: str, found: tuple[int, Decimal]) -> None:
    assert excess(sized(short, long).pair) == found


def test_what_open_orders_may_still_fill_one_way() -> None:
    hand = sized("0.4", "0.4")
    hand.memo("a", SHORT, quantity="0.1", filled=D("0.04"))
    hand.memo("b", SHORT, quantity="0.05", increasing=False)
    hand.memo("c", SHORT, quantity="0.2", settled=True)
    hand.memo("d", LONG, quantity="0.3")
    hand.memo("e", SHORT, quantity="0.1", filled=D("0.2"))
    assert leaves(hand.pair, SHORT, increasing=True) == D("0.06")
    assert leaves(hand.pair, SHORT, increasing=False) == D("0.05")
    assert leaves(hand.pair, LONG, increasing=True) == D("0.3")


@pytest.mark.parametrize(
    ("mid", "last", "bought", "price"),
    [
        ("20000", "19000", "0.1", "20000"),
        (None, "19000", "0.1", "19000"),
        ("0", "19000", "0.1", "19000"),
        ("-1", None, "0.1", "20500"),
        (None, "0", "0.1", "20500"),
        (None, None, "0", None),
    ],
)
def test_the_best_price_there_is(mid: str | None, last: str | None, bought: str, price: str | None) -> None:
    hand = sized(bought, "0")
    hand.prices.mids[BTC_A] = None if mid is None else D(mid)
    hand.prices.lasts[BTC_A] = None if last is None else D(last)
    assert reference(hand.pair.short, hand.prices) == (None if price is None else D(price))


@pytest.mark.parametrize(
    ("mid", "usd", "unit", "smallest"),
    [
        ("20000", "0.9", "18000", "0.003"),
        (None, "0.9", None, "0.001"),
        ("20000", None, None, "0.001"),
        ("20000", "0", None, "0.001"),
        ("20000", "-1", None, "0.001"),
    ],
)
def test_a_unit_in_dollars_and_the_least_order(
    mid: str | None, usd: str | None, unit: str | None, smallest: str
) -> None:
    hand = Hand()
    hand.prices.mids[BTC_A] = None if mid is None else D(mid)
    hand.prices.worth[BTC_A] = None if usd is None else D(usd)
    assert unit_usd(hand.pair.short, hand.prices) == (None if unit is None else D(unit))
    assert least(hand.pair.short, ODD, hand.prices, reducing=False) == D(smallest)


def test_without_a_price_the_larger_of_lot_and_least_size_is_the_least_order() -> None:
    hand = Hand(prices=Coins(mids={}))
    for lot_size, size, smallest in (("0.001", "0.005", "0.005"), ("0.004", "0.001", "0.004")):
        facts = msgspec.structs.replace(ODD[BTC_A], size_increment=D(lot_size), min_size=D(size))
        assert least(hand.pair.short, {BTC_A: facts}, hand.prices, reducing=False) == D(smallest)
    for reducing in (False, True):
        assert joint(ODD, reducing=reducing) == [D("0.004")] * 2
    dear = {**ODD, BTC_A: msgspec.structs.replace(ODD[BTC_A], min_notional=D(90))}
    assert joint(dear, reducing=False) == joint(dear, reducing=True) == [D("0.006")] * 2
    spared = {name: msgspec.structs.replace(spec, reduces_any_notional=True) for name, spec in dear.items()}
    assert (joint(spared, reducing=False), joint(spared, reducing=True)) == (
        [D("0.006")] * 2,
        [D("0.002")] * 2,
    )


def joint(instruments: dict[str, Instrument], *, reducing: bool) -> list[Decimal]:
    return [joint_least(Hand().pair, leg, instruments, Coins(), reducing=reducing) for leg in (SHORT, LONG)]


@pytest.mark.parametrize(
    ("size", "known", "bound"),
    [
        ("0.4", True, "0.002"),
        ("5", True, "0.005"),
        ("10", True, "0.005555555555555555555555555556"),
        ("10", False, "0.010"),
    ],
)
def test_the_residual_allowed(size: str, known: bool, bound: str) -> None:
    """The larger of a joint lot and a thousandth of the leg, at most 100 USD: 100 / 18 000."""
    hand = sized(size, size)
    if not known:
        hand.prices.worth[BTC_A] = None
    assert residual_bound(hand.pair, SHORT, ODD, PAIRS, hand.prices) == D(bound)
    edge = D(bound).quantize(D("1e-9"), ROUND_FLOOR)
    for off, within in ((D(0), True), (edge, True), (edge + D("1e-9"), False)):
        hand.pair.long.size = D(size) - off
        assert within_residual(hand.pair, ODD, PAIRS, hand.prices) is within


@pytest.mark.parametrize(
    ("short", "long", "out", "cut", "hedge"),
    [
        ("0.4", "0.4", "0", "0", "0"),
        ("0.4", "0.3975", "0", "0", "0"),
        ("0.4", "0.397", "0", "0.003", "0"),
        ("0.4", "0.396", "0", "0.004", "0.004"),
        ("0.4", "0.3905", "0", "0.009", "0.008"),
        ("0.4", "0.3", "0.04", "0.060", "0.060"),
        ("0.4", "0.3", "0.1", "0", "0"),
        ("0.4", "0.3", "0.2", "0", "0"),
    ],
)
def test_what_can_be_cut_and_what_can_be_hedged(
    short: str, long: str, out: str, cut: str, hedge: str
) -> None:
    """Cuts go on the leg's own lot from its least order on (0.003), hedges on the joint one (0.004)."""
    hand = sized(short, long)
    if D(out):
        hand.memo("cut", SHORT, increasing=False, quantity=out)
        hand.memo("hedge", LONG, quantity=out)
    assert cuttable(hand.pair, SHORT, ODD, hand.prices) == D(cut)
    assert hedgeable(hand.pair, LONG, ODD, hand.prices) == D(hedge)
    assert cuttable(hand.pair, LONG, ODD, hand.prices) == 0
    assert hedgeable(hand.pair, SHORT, ODD, hand.prices) == 0
    heavy = SHORT if short != long else 0
    assert heavy_cut(hand.work(), hand.pair) == (heavy, D(cut))


def test_the_naked_clock() -> None:
    hand = sized("0.1", "0")
    naked = hand.pair.naked

    def look(at: int, short: str, long: str = "0") -> None:
        hand.pair.short.size, hand.pair.long.size = D(short), D(long)
        measure(hand.pair, at, ODD, PAIRS, hand.prices)

    look(START, "0.1")
    assert (naked.leg, naked.quantity, naked.notional, naked.since) == (SHORT, D("0.1"), 1800, START)
    assert naked.seconds_ns(START + 9) == 9
    look(START + 3 * SECOND, "0.1", "0.05")
    assert (naked.notional, naked.worst, naked.worst_ns, naked.since) == (900, 1800, 3 * SECOND, START)
    hand.prices.worth[BTC_A] = None
    look(START + 3 * SECOND, "0.2", "0.05")
    assert (naked.quantity, naked.notional) == (D("0.15"), 900), "what it was worth at the last known price"
    hand.prices.worth[BTC_A] = D("0.9")
    look(START + 4 * SECOND, "0.2", "0.2")
    assert (naked.leg, naked.notional, naked.since, naked.worst_ns) == (0, 0, None, 4 * SECOND)
    assert naked.seconds_ns(START) == 0
    look(START + 5 * SECOND, "0.2", "0.202")
    assert (naked.leg, naked.notional, naked.since) == (LONG, D("46.2"), None), "within the residual"
    look(START + 6 * SECOND, "0.2", "0.203")
    look(START + 7 * SECOND, "0.2", "0.204")
    assert (naked.since, naked.worst_ns, naked.worst) == (START + 6 * SECOND, 4 * SECOND, 1800)
    blind = sized("0", "0")
    blind.prices.mids, blind.prices.lasts = {}, {}
    measure(blind.pair, START, ODD, PAIRS, blind.prices)
    assert blind.pair.naked.since is None


@pytest.mark.parametrize(
    ("short", "long", "gone", "words"),
    [
        ("0", "0", True, ""),
        ("0.002", "0", True, f"dust left: 0.002 {BTC_A}"),
        ("0.002", "0.002", True, f"dust left: 0.002 {BTC_A}, 0.002 {BTC_B}"),
        ("0.003", "0", False, f"dust left: 0.003 {BTC_A}"),
        ("0", "0.004", False, f"dust left: 0.004 {BTC_B}"),
    ],
)
def test_dust(short: str, long: str, gone: bool, words: str) -> None:
    hand = sized(short, long)
    assert nothing_left(hand.pair, ODD, hand.prices) is gone
    assert dust(hand.pair, ODD) == words
