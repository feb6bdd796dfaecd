"""The depth ladder as lines: best levels about the spread, our orders in sight, old and partial books."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from screens.draw.markets import ladder
from screens.frame import Content
from services.views.markets import LevelView
from tests.console.fixtures import d
from tests.console.market_fixtures import quiet_book, quiet_markets
from tests.console.test_keys import open_desk


def texts(content: Content) -> list[str]:
    return [line.plain for row in content.rows for line in row.lines]


@pytest.mark.parametrize(("width", "height"), [(24, 5), (40, 12), (76, 17), (60, 60)])
def test_the_spread_stands_between_the_best_levels(width: int, height: int) -> None:
    book = quiet_book()
    lines = texts(ladder(book, width, height))
    assert len(lines) <= height - 1
    assert max(map(len, lines)) <= width
    middle = next(at for at, text in enumerate(lines) if "bps" in text)
    assert "67,184.1" in lines[middle - 1]
    assert "67,183.5" in lines[middle + 1]
    assert middle == len(lines) // 2


def test_an_order_of_ours_further_out_takes_the_last_row() -> None:
    bids = tuple(LevelView(d(f"{100 - at}"), d("2"), d("0.5") if at == 7 else d("0")) for at in range(10))
    book = replace(quiet_book(), bids=bids, size_increment=d("0.1"), price_increment=d("1"))
    lines = texts(ladder(book, 60, 10))
    below = lines[next(at for at, text in enumerate(lines) if "bps" in text) + 1 :]
    assert [text.split()[0] for text in below] == ["100", "99", "98", "›"]
    assert below[-1].split()[1] == "93"
    assert below[-1].split()[-1] == "16.0", "with all that stands before it"
    assert [text.split()[1 if "›" in text else 0] for text in texts(ladder(book, 60, 40))][-1] == "91"


def test_a_stale_book_stays_without_colours_and_says_its_age() -> None:
    content = ladder(replace(quiet_book(), level="stale", age_ms=47_000), 60, 20)
    inks = {span.ink.lstrip("*") for row in content.rows for line in row.lines for span in line.spans}
    assert inks == {"stale"}
    assert any("47 s" in span[0] for span in content.summary[0])
    assert texts(content) == texts(ladder(quiet_book(), 60, 20))


def test_a_book_that_is_not_whole_says_so() -> None:
    book = quiet_book()
    part = replace(book, whole=False, bids=book.bids[:2], asks=book.asks[:1])
    assert "best prices" in " ".join(texts(ladder(part, 60, 20)))
    empty = replace(book, bids=(), asks=(), whole=False)
    assert "6 shows" in " ".join(texts(ladder(empty, 60, 20)))


async def test_the_book_of_before_stands_until_the_selected_one_is_there() -> None:
    async with open_desk() as desk:
        first = quiet_markets().rows[0].instrument
        desk.link.views |= {"markets": quiet_markets(), f"book:{first}@1": quiet_book(first)}
        await desk.press("2")
        assert "67,184.1" in desk.text
        await desk.press("down")
        assert f"book:{quiet_markets().rows[1].instrument}@1" in desk.link.watched
        assert "Waiting for" not in desk.text
        assert "BTC-USDT-PERP alpha" in desk.text, "under its own name"
