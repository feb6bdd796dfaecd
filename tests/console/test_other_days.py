"""An instant of another day says so: `03:07` of yesterday was taken for this morning's."""

from __future__ import annotations

from msgspec import structs

from screens.draw import alerts, journal, orders
from screens.draw.answers import answers
from screens.draw.context import Context
from screens.draw.pairs import settlements
from screens.format import minute, when
from services.views.desk import SettledOfPair
from tests.console.fixtures import QUIET_TS, halted_desk, halted_strip, quiet_desk
from tests.console.journal_fixtures import quiet_journal
from tests.console.order_fixtures import busy_orders
from tests.console.test_layout import context

DAY = 86_400 * 10**9
TODAY, TOMORROW = Context(now=QUIET_TS), Context(now=QUIET_TS + DAY)


def lines(content: object) -> str:
    return "\n".join(line.plain for row in content.rows for line in row.lines)  # type: ignore[attr-defined]


def test_an_instant_of_today_is_a_time_and_of_another_day_has_its_date() -> None:
    at = QUIET_TS // DAY * DAY + 3 * 3600 * 10**9
    assert when(at, QUIET_TS) == "03:00:00"
    assert when(at, QUIET_TS, minute) == "03:00"
    assert when(at - DAY, QUIET_TS) == when(at - DAY, QUIET_TS, minute) == "10 Mar 03:00"


def test_rows_of_the_journal_and_of_orders_of_another_day_have_their_date() -> None:
    view, book = quiet_journal(), busy_orders()
    for width in (76, 116):
        for before, after in (
            (journal.rows(view, width, TODAY), journal.rows(view, width, TOMORROW)),
            (orders.fills(book, width, TODAY), orders.fills(book, width, TOMORROW)),
        ):
            assert "11 Mar " not in lines(before)
            assert lines(after).count("11 Mar ") == len(after.rows)
    assert "11 Mar " in journal.drawer(view, str(view.rows[0].seq), 76)[0].plain


def test_what_a_narrow_table_of_orders_drops_is_in_its_detail() -> None:
    """Since when an order works, of which pair it is, whose a fill was."""
    book = busy_orders()
    order = next(each for each in book.working if each.pair)
    text = " ".join(line.plain for line in orders.drawer(book, "working", order.id, 76))
    assert f"pair {order.pair}" in text
    assert f"since {when(order.ts, book.ts)}" in text
    fill = book.fills[0]
    text = " ".join(line.plain for line in orders.drawer(book, "fills", fill.key, 76))
    assert f"at {when(fill.ts, book.ts)}" in text
    assert f"strategy {orders.who(fill.strategy)}" in text


def test_the_trade_cell_and_an_alert_say_of_which_day_they_are() -> None:
    strip = halted_strip()
    later = structs.replace(strip, ts=strip.ts + DAY)
    told = [
        answers(each, "connected", "", 0.0, context())[0].evidence[0][0][-1].text for each in (strip, later)
    ]
    assert not told[0].endswith(f"11 Mar {minute(strip.causes[0].since)}")
    assert told[1].endswith(f"11 Mar {minute(strip.causes[0].since)}")
    desk = halted_desk()
    key = desk.alerts[0].key
    shown = alerts.drawer(desk, key, 60, Context(now=desk.ts + DAY))
    assert any("11 Mar " in line.plain for line in shown)


def test_settlements_of_a_pair_name_the_day_where_it_changes() -> None:
    pair = quiet_desk().pairs[0]
    noon = QUIET_TS // DAY * DAY
    row = SettledOfPair(ts=noon + 8 * 3600 * 10**9, expected=None, realised=None)
    rows = tuple(structs.replace(row, ts=row.ts - at * DAY // 3) for at in range(3))
    told = [span[0].text for span in settlements(structs.replace(pair, settled=rows), 9)[1:]]
    assert told == ["08:00 ", "00:00 ", "10 Mar 16:00 "]
