"""The answer bar and what stands beside it say the same, at 80 columns too."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from console.plain import status
from screens.draw import pairs, positions, strategies, topbar
from screens.draw import strip as strip_drawing
from screens.draw.answers import answers
from screens.draw.context import Context
from services.domain.enums import PairState, Severity, TradingState
from services.views.desk import AlertView
from services.views.strategies import StrategiesView
from services.views.strip import StripView
from tests.console.fixtures import HALT_TS, calm_strip, cause, halted_desk, halted_strip, quiet_desk
from tests.console.test_keys import open_desk
from tests.console.test_layout import context


def cells(strip: StripView, width: int, rows: int, at: int) -> list[str]:
    """The lines of one cell without its edge."""
    found = strip_drawing.draw(answers(strip, "connected", "", 0.0, Context(now=strip.ts)), width, rows)
    size = width // 5
    return [line.plain[at * size + 2 : (at + 1) * size].rstrip() for line in found]


@pytest.mark.parametrize(
    ("outright", "said"),
    [("0", "naked $0 ID 0"), ("950", "outright $950"), ("3007", "outright $3k"), ("125400", "out $125k")],
)
def test_what_no_pair_hedges_is_told_in_the_smallest_bar(outright: str, said: str) -> None:
    """HEDGED and `naked $0`, with a position of one's own beside the pairs that nothing hedges."""
    strip = calm_strip(outright=Decimal(outright))
    assert cells(strip, 80, 3, 1) == ["HEDGED?", "● HEDGED", said]
    assert cells(replace(strip, pairs_open=0), 80, 3, 1)[2] == said
    assert cells(replace(strip, outright=None), 80, 3, 1)[2] == "outright ?"
    doubt = cells(replace(strip, in_doubt=1), 80, 3, 1)
    assert doubt == ["HEDGED?", "■ IN DOUBT 1", "naked $0 ID 1"]


def test_an_account_that_is_near_its_liquidation_is_told_beside_one_that_nobody_sees() -> None:
    """`UNKNOWN ~1 %` stood there while alpha was 0.4 % from it."""
    known = calm_strip(
        liquidation_unknown=True, liquidation_distance=Decimal("0.004"), nearest_account="alpha"
    )
    assert cells(known, 80, 3, 2)[:2] == ["LIQUIDATION?", "■ 0.4 % away"]
    assert cells(replace(known, liquidation_distance=None), 80, 3, 2)[1] == "? UNKNOWN"


def test_of_causes_that_hold_the_bar_names_the_first_of_those_that_are_told_first() -> None:
    """It named the oldest: `unread`, beside a venue that was down and a liquidation that was near."""
    told = tuple(
        cause(name, f"{name} as the desk tells it", TradingState.REDUCING, latched=False, age_s=age)
        for name, age in (("margin ladder", 5), ("venue down", 10), ("unread", 15))
    )
    strip = calm_strip(trading_state=TradingState.REDUCING, causes=told)
    assert cells(strip, 80, 3, 0) == ["TRADE?", "◐ REDUCING", "margin ladder"]


def test_a_cause_that_is_only_watched_is_told_as_what_was() -> None:
    """`venue down` stood beside FRESH, all venues in time."""
    lost = cause("venue down", "beta: connection lost", TradingState.REDUCING, latched=False, age_s=50)
    over = replace(lost, text=f"{lost.text}; good again, watched for 60 s", holds=False)
    strip = calm_strip(ts=HALT_TS, trading_state=TradingState.REDUCING, causes=(over,))
    assert cells(strip, 80, 3, 0) == ["TRADE?", "◐ REDUCING", "watched 60 s"]
    assert cells(strip, 200, 4, 0)[2] == "venue down: good again, watched"
    soon = replace(strip, causes=(replace(over, text=f"{lost.text}; good again"),))
    assert cells(soon, 80, 3, 0)[2] == "good again"
    assert cells(soon, 200, 4, 0)[2] == "beta: connection lost; good again"[:38]
    bad = replace(lost, name="stale data", text="beta: data are 12 s old", since=HALT_TS)
    both = replace(strip, causes=(over, bad))
    assert cells(both, 200, 4, 0)[2].startswith("beta: data are 12 s old"), "what is bad now comes first"


def test_what_is_acknowledged_still_says_what_it_is_and_what_to_do() -> None:
    """Under `1 ACKED` stood nothing, beside HALTED."""
    strip = calm_strip(
        ts=HALT_TS, acknowledged=1, top_alert="halted by hand", next_steps=("halt: R and a reason",)
    )
    assert cells(strip, 80, 3, 4)[1:] == ["● 1 ACKED", "R and a reason"]
    assert cells(replace(strip, next_steps=(), top_alert="beta down"), 80, 3, 4)[2] == "beta down"


def test_a_days_result_at_an_equity_that_is_old_is_marked_as_old() -> None:
    old = halted_strip(equity_approximate=True)
    assert "~94,250.33" in topbar.draw(old, 200).plain
    assert "day ~−5,119.67  ~−5.15 %" in topbar.draw(old, 200).plain
    assert "~−5,119.67 ~−5.15 %" in topbar.draw(old, 80).plain
    lost = topbar.draw(replace(old, equity_approximate=False), 80, past=True).plain
    assert "~−5,119.67" in lost, "of an engine that is silent, too"
    assert "day ▼ −5,119.67  −5.15 %" in topbar.draw(replace(old, equity_approximate=False), 200).plain


def test_a_pair_on_a_lost_venue_was_hedged_on_every_screen() -> None:
    desk = quiet_desk()
    pair = replace(next(p for p in desk.pairs if p.state is PairState.HEDGED), hedged_age_ms=3_000)
    assert "● hedged" in pairs.pair_line(pair, (), 120, context()).plain
    lost = replace(pair, old=True)
    assert "◐ hedged 3.0 s ago" in pairs.pair_line(lost, (), 120, context()).plain
    seen = StrategiesView(ts=desk.ts, strategies=(), pairs=(lost,))
    drawn = " ".join(line.plain for row in strategies.pairs(seen, 120, context()).rows for line in row.lines)
    assert "◐ hedged 3.0 s ago" in drawn


async def test_a_takes_the_alert_that_stands_beside_the_key() -> None:
    """NEEDS ME named one alert; the key took the first row in whatever order the pane stood."""
    desk = halted_desk()

    def one(key: str, since: int, count: int) -> AlertView:
        first = desk.alerts[0]
        return replace(
            first, key=key, text=key, severity=Severity.WARNING, state="OPEN", since=since, count=count
        )

    rows = (one("old", HALT_TS - 9, 7), one("new", HALT_TS - 1, 1))
    async with open_desk(calm_strip(ts=HALT_TS), replace(desk, alerts=rows)) as d:
        await d.press("shift+tab", "s", "s", "tab", "a")
        assert d.link.sent == [("ack", {"key": "new"})]


def test_an_empty_desk_promises_no_entry_while_its_strategies_rest() -> None:
    desk = replace(quiet_desk(), positions=(), pairs=())

    def said(*states: str) -> str:
        view = replace(desk, strategies=tuple((f"s{at}", state, "") for at, state in enumerate(states)))
        return " ".join(row.lines[0].plain for row in positions.draw(view, 150, context()).rows)

    assert "Strategies open pairs" in said("running", "paused")
    assert "No strategy runs: 4 says why" in said("paused", "stopped: no edge")


def test_the_shell_says_what_stands_outside_the_pairs_and_how_old_the_hedge_is() -> None:
    answer = {"naked": {"notional": "0", "seconds": "0", "worst_seconds": "0"}, "in_doubt": 0}
    found = status({**answer, "outright": "2338.83", "hedged_age_ms": 12_000, "pairs": [{"id": "P-01"}]})
    hedge = next(line for line in found.splitlines() if line.startswith("hedge"))
    assert hedge.endswith("outright 2,338.83 USD   on figures 12 s old")


def test_a_breaker_that_cannot_see_a_loss_is_not_told_as_armed() -> None:
    """The board said UNKNOWN, the shell `armed   daily —`."""

    def told(loss: str | None, tripped: bool = False) -> str:
        breaker = {"tripped": tripped, "daily_loss": loss, "rolling_loss": "0", "drawdown": "0"}
        lines = status({"breaker": breaker}).splitlines()
        return next(line.split()[1] for line in lines if line.startswith("breaker"))

    assert [told("0"), told(None), told(None, tripped=True)] == ["armed", "UNKNOWN", "TRIPPED"]
