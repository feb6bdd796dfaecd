"""A start whose strategies decide otherwise than those that wrote the journal, being of another version or
changed in place: what the desk believes must be what it did."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from services.domain.enums import PairState, TradingState
from services.strategies.base import OpenPair
from services.strategies.funding_arb import FundingArb
from tests.desk.world import quick
from tests.drive.engines import books_agree, client_ids, engine, positions_of
from tests.drive.test_rebuild import hedged, killed
from tests.drive.test_rebuilt_pairs import only, run


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changed") / "state"
    folder.mkdir()
    session, _ = hedged(folder)
    return killed(folder, session)


def changed(monkeypatch: pytest.MonkeyPatch, how: Any) -> None:
    """From now on the strategy means something else."""
    before = FundingArb.decide

    def decide(self: FundingArb, view: Any, params: Any, state: Any) -> Any:
        intents, after = before(self, view, params, state)
        return tuple(filter(None, map(how, intents))), after

    monkeypatch.setattr(FundingArb, "decide", decide)


def test_after_a_clean_end_the_desk_is_as_it_was_whatever_the_strategy_would_do_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = hedged(tmp_path)
    pair, held = only(session), positions_of(session)
    session.rested = True
    assert session.close()
    changed(monkeypatch, lambda intent: None)
    again, machine = engine(tmp_path, quick())
    run(again, machine, 10)
    assert again.rebuilt is None
    assert only(again).id == pair.id
    assert only(again).state is PairState.HEDGED
    assert again.desk.core.causes.overall() is TradingState.ACTIVE
    assert positions_of(again) == held
    books_agree(again)
    again.close()


@pytest.mark.parametrize("how", ["opens nothing", "opens the other way"])
def test_after_a_death_what_would_come_out_otherwise_is_not_believed(
    dead: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The pair was forgotten: two positions without a stop, nobody's, and the desk ACTIVE."""

    def other(intent: object) -> object:
        if not isinstance(intent, OpenPair):
            return intent
        turned = replace(intent, short=intent.long, long=intent.short)
        return None if how == "opens nothing" else turned

    changed(monkeypatch, other)
    folder = Path(shutil.copytree(dead, tmp_path / "state"))
    session, machine = engine(folder, quick())
    before, held = client_ids(session), positions_of(session)
    assert session.rebuilt is not None
    assert "was sent, and this program" in session.rebuilt.found
    assert "or a strategy was changed since" in session.rebuilt.found
    run(session, machine, 10)
    pair = only(session)
    assert (pair.state, pair.strategy) == (PairState.HEDGED, "rebuilt")
    assert {leg.instrument: leg.size * leg.side.sign for leg in pair.legs} == held
    assert session.desk.core.causes.overall() is TradingState.REDUCING
    assert client_ids(session) == before, "nothing was sent"
    books_agree(session)
    session.close()


def test_a_strategy_that_goes_by_chance_is_told_as_one_and_what_differs_is_named(
    dead: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id was the same in both, and the journal was said to be one that cannot be read."""

    def dice(intent: object) -> object:
        return replace(intent, most=Decimal("0.05")) if isinstance(intent, OpenPair) else intent

    changed(monkeypatch, dice)
    session, _ = engine(Path(shutil.copytree(dead, tmp_path / "state")), quick())
    assert session.rebuilt is not None
    found = session.rebuilt.found
    order = r"(\w+) \(sell ([\d.]+) BTC[^)]*P-01 entry\)"
    sent = re.search(f"order {order} was sent, and this program sends {order};", found)
    assert sent is not None, found
    assert sent[1] == sent[3]
    assert Decimal(sent[2]) > Decimal("0.05") >= Decimal(sent[4])
    assert "or goes by chance or by a clock" in found
    assert "cannot be read" not in found
    session.close()


def test_the_same_code_finds_its_own_orders(dead: Path, tmp_path: Path) -> None:
    session, _ = engine(Path(shutil.copytree(dead, tmp_path / "state")), quick())
    assert session.rebuilt is None
    assert only(session).state is PairState.HEDGED
    session.close()
