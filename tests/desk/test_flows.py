"""Interest, conversions and rebates are profit or loss; only transfers issue units (SEMANTICS 9)."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import Flow
from services.domain.events import TransferBooked
from services.domain.records import TransferRecord
from services.portfolio.unit_value import PendingTransfer
from tests.desk.world import DeskWorld, quick

D = Decimal


def test_only_a_transfer_leaves_the_unit_value_alone() -> None:
    """A thousand dollars go again and again: as a transfer that is no loss, as anything else it is 1 %."""
    world = DeskWorld(settings=quick()).run(20)
    core = world.desk.core
    for number, (kind, part, sign) in enumerate(
        (
            (Flow.INTEREST, "interest", -1),
            (Flow.CONVERSION, "conversion", -1),
            (Flow.OTHER, "adjustments", 1),
            (Flow.TRANSFER, "transfers", 1),
        )
    ):
        before, units = core.breaker.state.last, core.units.state.units
        assert before is not None
        row = TransferBooked("alpha", f"w{number}", "USD", D(-1_000), world.now, world.now, kind)
        world.exchange.venues["alpha"].state.account.add("USD", D(-1_000))
        for _ in range(2):
            world.machine.feed(row)
        world.run(6)
        after, parts = core.breaker.state.last, core.state.attribution.venues["alpha"].parts
        assert after is not None
        assert getattr(parts, part) == sign * D(-1_000)
        gone = kind is not Flow.TRANSFER
        assert (after.value < before.value * D("0.991")) is gone
        assert (core.units.state.units == units) is gone
        kept = [each for each in world.keeper.rows if isinstance(each, TransferRecord)]
        assert len(kept) == (0 if gone else 1)
    world.books_agree()
    # One whose coin had no price when it was told is no profit either, once it has one.
    assert core.state.counters.transfers == D(-1_000)
    core.units.state.pending.append(PendingTransfer("USDC", D(500), None))
    world.run(6)
    assert abs(core.state.counters.transfers + 500) < 1
