"""What is measured of our own fills, and how it comes back into costs and sizes (PARAMETERS exec)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import Purpose, Side
from services.execution.measured import FillStats, allowance, expected, note_fill, note_quote, p90
from services.market.costs import FillCosts
from services.settings.parameters import Execution

D = Decimal
MAKER = Execution(entry_style="maker", exit_style="maker")


def fill(
    stats: FillStats,
    price: str = "100",
    mid: str | None = "100",
    *,
    maker: bool = False,
    purpose: Purpose = Purpose.HEDGE,
    side: Side = Side.BUY,
    notional: str | None = "1000",
    fee: str | None = "0.5",
) -> None:
    note_fill(
        stats,
        purpose=purpose,
        maker=maker,
        side=side,
        price=D(price),
        mid=None if mid is None else D(mid),
        notional=None if notional is None else D(notional),
        fee_usd=None if fee is None else D(fee),
    )


def test_fee_and_slippage_are_told_apart_for_resting_and_taking_fills() -> None:
    stats = FillStats()
    fill(stats, "100.02")
    fill(stats, "99.96", side=Side.SELL)
    fill(stats, "100.01", maker=True, purpose=Purpose.ENTRY, fee="0.2")
    assert (stats.taker.fills, stats.taker.slippage_bps, stats.taker.bps) == (2, 3, 8)
    assert (stats.maker.fills, stats.maker.slippage_bps, stats.maker.bps) == (1, 1, 3)
    assert stats.slips == [D("2.00"), D("4.00")]
    assert (FillStats().taker.bps, FillStats().entry.rate) == (None, None)


def test_the_fill_rate_is_what_filled_of_what_the_attempts_first_asked_for() -> None:
    stats = FillStats()
    note_quote(stats, Purpose.ENTRY, 1, D(5000))
    note_quote(stats, Purpose.ENTRY, 2, D(4000))
    note_quote(stats, Purpose.EXIT, 1, D(1000))
    fill(stats, maker=True, purpose=Purpose.ENTRY, notional="2000")
    fill(stats, purpose=Purpose.HEDGE, notional="2000")
    assert (stats.entry.attempts, stats.entry.requotes, stats.entry.rate) == (1, 1, D("0.4"))
    assert (stats.exit.attempts, stats.exit.rate) == (1, 0)


def test_the_allowance_is_the_setting_or_the_measured_p90_when_that_is_larger() -> None:
    stats = FillStats()
    assert allowance(MAKER, None) == allowance(MAKER, stats) == 2
    for count in range(10):
        fill(stats, str(D(100) + D(count) / 100))
    assert p90(stats) == 8
    assert allowance(MAKER, stats) == 8
    few = FillStats()
    fill(few, "100.05")
    assert allowance(MAKER, few) == 5, "few samples only ever allow for more"
    gains = FillStats()
    fill(gains, "99")
    assert allowance(MAKER, gains) == 2


def filled(attempts: int, share: str) -> FillStats:
    stats = FillStats()
    for _ in range(attempts):
        note_quote(stats, Purpose.ENTRY, 1, D(1000))
        fill(stats, maker=True, purpose=Purpose.ENTRY, notional=str(1000 * D(share)))
    return stats


def test_until_the_sample_is_large_enough_everything_is_expected_to_take() -> None:
    assert expected(MAKER, None) == FillCosts()
    assert expected(MAKER, filled(19, "1")).entry_rest == 0
    assert expected(MAKER, filled(20, "0.75")).entry_rest == D("0.75")
    assert expected(MAKER, filled(20, "0.75")).exit_rest == 0, "the way out was not measured"
    assert expected(Execution(), filled(20, "0.75")).entry_rest == 0, "nothing rests by the settings"


def test_a_resting_fill_that_gained_against_the_mid_is_no_credit() -> None:
    stats = filled(20, "1")
    stats.maker.slippage = D(-50)
    assert expected(MAKER, stats).maker_slippage == 0
    stats.maker.slippage = D(4)
    assert expected(MAKER, stats).maker_slippage == D("2")


@pytest.mark.parametrize("missing", [{"mid": None}, {"notional": None}, {"fee": None}, {"notional": "0"}])
def test_a_fill_of_which_something_is_unknown_is_no_sample(missing: dict[str, str | None]) -> None:
    stats = FillStats()
    fill(stats, **missing)  # type: ignore[arg-type]
    assert stats.taker.fills == 0
    assert stats.slips == []


def test_the_statistics_survive_a_checkpoint() -> None:
    stats = filled(3, "0.5")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(stats), type=FillStats) == stats
