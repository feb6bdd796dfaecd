"""Two limits of freshness that bind when they are tighter than the ones beside them."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.desk import account
from services.desk.prices import DeskPrices
from services.domain.effects import SetTimer
from services.domain.enums import Side
from services.settings.parameters import Freshness, Reconcile, Settings
from tests.desk.world import DeskWorld, S

PERP = "BTC-USDT-PERP.alpha"


def test_depth_that_is_too_old_counts_as_an_empty_book_while_the_quote_serves() -> None:
    """Never as an unknown one: that would leave a slice unbounded."""
    world = DeskWorld(settings=Settings(fresh=Freshness(book_ms=1_000))).run(4)
    core = world.desk.core
    prices = DeskPrices(core)
    age = core.picture.quote_age(PERP, core.now)
    assert age is not None
    core.state.now += S - age - 1
    full = prices.depth(PERP, Side.BUY)
    assert full is not None
    assert full > 0
    core.state.now += 1
    assert prices.mid(PERP) is not None
    assert prices.depth(PERP, Side.BUY) == Decimal(0)


def test_accounts_are_read_as_often_as_reconciliation_asks_for() -> None:
    core = DeskWorld().run(2).desk.core
    for every, due in ((7, 7), (60, 30)):
        core.bind(replace(core.settings, reconcile=Reconcile(every_s=every)))
        core.out = []
        account.schedule(core, "alpha")
        (timer,) = core.out
        assert isinstance(timer, SetTimer)
        assert timer.due == core.now + due * S
