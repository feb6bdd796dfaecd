"""The exchange's own books survive the death of the engine, and never mix two worlds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from services.domain.events import MarketFrame, OrderAccepted, OrderReport, VenueLink
from services.domain.venue_events import VenueFacts
from services.venues.sim.exchange import build_exchange
from services.venues.sim.log import CHECKPOINT_FILE, LOG_FILE
from services.venues.sim.world import WORLD_FILE, WorldMismatch, make_world, move_aside, read_world
from tests.sim.builders import BTC, NS, Queue, Sim, order

ROOT = Path(__file__).resolve().parents[2]
HOUR = 3600 * NS

RUN = """
import hashlib, json, os, signal, sys
from pathlib import Path
import msgspec
from services.domain.events import OrderFilled
from services.venues.sim.world import make_world
from tests.sim.builders import Sim, order

folder = Path(sys.argv[1]) if sys.argv[1] != "-" else None
doomed = int(sys.argv[2])
sim = Sim(make_world("funding-harvest"), folder)
fills = 0

def tell():
    print(json.dumps({
        "now": sim.exchange.now, "instants": sim.exchange.instants,
        "books": [msgspec.to_builtins(sim.exchange.books(v)) for v in ("alpha", "beta")],
        "events": hashlib.sha256(msgspec.msgpack.encode(sim.queue.events)).hexdigest(),
    }, sort_keys=True, default=str), flush=True)

deliver, wake = sim.queue.deliver, sim.exchange.wake

def deadly(due, event):
    global fills
    fills += isinstance(event, OrderFilled)
    if fills == doomed and folder is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    deliver(due, event)

def watched(now, token):
    wake(now, token)
    if fills >= doomed:
        tell()
        sys.exit()

sim.queue.deliver, sim.exchange.wake = deadly, watched
sim.run(1)
names = ("BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta", "ETH-USDC-PERP.beta")
for turn in range(60):
    name = names[turn % 3]
    bid, ask = sim.quote(name)
    side = "buy" if turn % 2 else "sell"
    passive = turn % 4 == 0
    price = (bid if side == "buy" else ask) if passive else (ask if side == "buy" else bid)
    price += 0 if passive else (3 if side == "buy" else -3)
    sim.send(order(side, "3" if "BTC" in name else "5", price, name,
                   tif="gtc" if passive else "ioc", cid=f"run{turn:017d}"), 80)
tell()
if folder is not None:
    os.kill(os.getpid(), signal.SIGKILL)
"""
NEVER = 10**6


def run(folder: str, hash_seed: str = "0", doomed: int = NEVER) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, folder, str(doomed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not done.stderr
    return json.loads(done.stdout) if done.stdout else {}


def test_two_fresh_processes_and_hash_seeds_make_the_same_world_event_by_event() -> None:
    first, second = run("-", "0"), run("-", "1")
    assert first == second


def test_after_sigkill_the_books_come_back_equal(tmp_path: Path) -> None:
    truth = run(str(tmp_path))
    assert (tmp_path / CHECKPOINT_FILE).exists()
    queue = Queue()
    back = build_exchange(make_world("funding-harvest"), tmp_path, queue, resume_at=int(str(truth["now"])))
    assert back.instants == truth["instants"]
    books = [msgspec.to_builtins(back.books(v)) for v in ("alpha", "beta")]
    plain = json.loads(json.dumps(books, default=str))
    assert plain == truth["books"]
    assert not queue.heap, "recovery is silent"
    back.close()


@pytest.mark.parametrize("doomed", [7, 40])
def test_killed_between_two_fills_of_one_order_it_comes_back_with_all_of_them(
    tmp_path: Path, doomed: int
) -> None:
    assert run(str(tmp_path), doomed=doomed) == {}, "it died before it could tell"
    truth = run("-", doomed=doomed)
    back = build_exchange(make_world("funding-harvest"), tmp_path, Queue(), resume_at=int(str(truth["now"])))
    books = [msgspec.to_builtins(back.books(v)) for v in ("alpha", "beta")]
    assert json.loads(json.dumps(books, default=str)) == truth["books"]


def test_a_restart_goes_on_like_a_run_that_never_stopped(tmp_path: Path) -> None:
    world = make_world("calm")
    whole, first = Sim(world), Sim(world, tmp_path)
    for sim in (whole, first):
        sim.run(1)
        bid, _ = sim.quote()
        sim.send(order("buy", "0.5", bid, cid="w" * 20))
        sim.run(4_000)
    resumed = Sim(world, tmp_path, resume_at=first.exchange.now)
    for sim in (whole, resumed):
        sim.until(world.start + 3 * HOUR)
    same = whole.exchange.books("alpha")
    again = resumed.exchange.books("alpha")
    assert (same.balances, same.positions, same.orders) == (again.balances, again.positions, again.orders)
    assert [f.trade_id for f in same.fills] == [f.trade_id for f in again.fills]
    assert whole.quote() == resumed.quote()


def test_an_order_whose_answer_was_never_heard_is_in_the_books_after_a_crash(tmp_path: Path) -> None:
    world = make_world("calm")
    sim = Sim(world, tmp_path)
    sim.run(1)
    placed = order("buy", "0.1", "20000")
    events = sim.send(placed, 0.026)
    assert not [e for e in events if isinstance(e, OrderAccepted)], "the answer is still under way"
    back = Sim(world, tmp_path, resume_at=sim.queue.now)
    assert [o.client_order_id for o in back.exchange.books("alpha").orders] == [placed.client_order_id]
    back.exchange.venues["alpha"].query(back.queue.now, BTC, placed.client_order_id)
    answer = [e for e in back.run(1) if isinstance(e, OrderReport)]
    assert [a.found for a in answer] == [True]


def test_an_order_that_had_not_arrived_is_definitely_unknown(tmp_path: Path) -> None:
    world = make_world("calm")
    sim = Sim(world, tmp_path)
    sim.run(1)
    placed = order("buy", "0.1", "20000")
    sim.send(placed, 0.005)
    back = Sim(world, tmp_path, resume_at=sim.queue.now)
    back.exchange.venues["alpha"].query(back.queue.now, BTC, placed.client_order_id)
    assert [e.found for e in back.run(1) if isinstance(e, OrderReport)] == [False]


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    world = make_world("calm")
    sim = Sim(world, tmp_path)
    sim.run(1)
    sim.send(order("buy", "0.1", "20000"))
    text = (tmp_path / LOG_FILE).read_bytes().partition(b"\0")[0]
    with (tmp_path / LOG_FILE).open("r+b") as log:
        log.seek(len(text))
        log.write(b'{"instants":9,"ts":16776')
    back = Sim(world, tmp_path, resume_at=sim.queue.now)
    assert len(back.exchange.books("alpha").orders) == 1
    back.send(order("buy", "0.1", "20100"))
    third = Sim(world, tmp_path, resume_at=back.queue.now)
    assert len(third.exchange.books("alpha").orders) == 2


def test_damaged_books_are_named_and_left_as_they_are(tmp_path: Path) -> None:
    world = make_world("calm")
    sim = Sim(world, tmp_path)
    sim.run(1)
    sim.send(order("buy", "0.1", "20000"))
    log = (tmp_path / LOG_FILE).read_bytes()
    for name, spoilt in ((LOG_FILE, log.replace(b"{", b"[", 1)), (CHECKPOINT_FILE, b"\x93spoilt")):
        (tmp_path / name).write_bytes(spoilt)
        with pytest.raises(OSError, match=r"damaged .*--new-world") as error:
            Sim(world, tmp_path, resume_at=sim.queue.now)
        assert error.value.filename == str(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(spoilt)
        (tmp_path / LOG_FILE).write_bytes(log)


def test_market_time_never_goes_back(tmp_path: Path) -> None:
    world = make_world("calm")
    sim = Sim(world, tmp_path)
    sim.run(200)
    # Nothing but the log: time marks every minute.
    assert build_exchange(world, tmp_path, Queue()).now >= world.start + 180 * NS
    # The desk has journaled more.
    later = build_exchange(world, tmp_path, Queue(), resume_at=sim.queue.now)
    assert later.now == sim.queue.now


def test_the_first_frame_after_a_restart_is_complete_and_has_the_settled_rates(tmp_path: Path) -> None:
    world = make_world("calm")
    Sim(world, tmp_path).run(7300)
    back = Sim(world, tmp_path)
    events = [e for e in back.run(3) if getattr(e, "venue", "") == "beta"]
    assert [type(e) for e in events[:2]] == [VenueFacts, VenueLink]
    first = events[2]
    assert isinstance(first, MarketFrame)
    assert len(first.quotes) == 12
    settled = [r.rate_ts for r in first.rates if r.instrument == "BTC-USDT-PERP.beta" and r.kind == "settled"]
    assert len(settled) == 722
    assert settled == sorted(set(settled))


def test_a_restart_right_before_a_settlement_misses_no_rate(tmp_path: Path) -> None:
    world = make_world("calm")
    Sim(world, tmp_path).run(3590)
    back = Sim(world, tmp_path, resume_at=world.start + HOUR - NS)
    events = [e for e in back.run(2) if isinstance(e, MarketFrame) and e.venue == "beta"]
    settled = [
        r.rate_ts for r in events[0].rates if r.instrument == "BTC-USDT-PERP.beta" and r.kind == "settled"
    ]
    assert settled[-1] == world.start + HOUR
    assert len(settled) == 721


def test_another_world_is_refused_by_both_names(tmp_path: Path) -> None:
    build_exchange(make_world("calm"), tmp_path, Queue()).close()
    with pytest.raises(WorldMismatch) as refused:
        build_exchange(make_world("calm", seed=2), tmp_path, Queue())
    assert "seed 1" in str(refused.value)
    assert "seed 2" in str(refused.value)
    assert "--new-world" in str(refused.value)


def test_new_world_moves_the_old_one_aside(tmp_path: Path) -> None:
    folder = tmp_path / "exchange"
    build_exchange(make_world("calm"), folder, Queue()).close()
    assert move_aside(folder) == tmp_path / "exchange.1"
    build_exchange(make_world("calm", seed=2), folder, Queue()).close()
    held, old = read_world(folder), read_world(tmp_path / "exchange.1")
    assert held is not None
    assert old is not None
    assert (held.seed, old.seed) == (2, 1)
    assert move_aside(tmp_path / "nothing") is None


def test_a_broken_world_file_is_named(tmp_path: Path) -> None:
    (tmp_path / WORLD_FILE).write_text("{")
    with pytest.raises(ValueError, match="not a world description"):
        build_exchange(make_world("calm"), tmp_path, Queue())


def test_a_full_disk_refuses_orders_instead_of_losing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = Sim(make_world("calm"), tmp_path)
    sim.run(1)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("services.venues.sim.log.os.pwrite", full)
    events = sim.send(order("buy", "0.1", "20000"))
    assert [type(e).__name__ for e in events] == ["OrderRejected"]
    assert sim.exchange.books("alpha").orders == ()
    assert len(sim.run(120)) > 100, "the market goes on"


def test_the_world_is_one_digest() -> None:
    assert make_world("calm").digest == make_world("calm").digest
    assert make_world("calm").digest != make_world("calm", step_s=3).digest
    assert make_world("calm").digest != make_world("calm", synthetic=1).digest
    with pytest.raises(ValueError, match="there are adl, calm"):
        make_world("nowhere")
    with pytest.raises(ValueError, match="step"):
        make_world("calm", step_s=0)
