"""One-shot commands against a real socket: text, JSON, progress, exit statuses."""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console import headless, oneshot, plain, running
from console.oneshot import Asked
from services.control.ports import Reply
from services.domain.effects import Done
from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit
from services.protocol.frames import Cmd
from services.settings.layout import StateLayout
from tests.console.builders import serving

STATUS = {
    "schema": 1,
    "profile": "sim",
    "mode": "sim",
    "synthetic": True,
    "trading_state": "HALTED",
    "causes": [
        {
            "name": "halt",
            "scope": "all",
            "latched": True,
            "since": 1_677_628_800_000_000_000,
            "text": "by shell:1",
        }
    ],
    "equity": "100012.345",
    "day_pnl": "-12.3",
    "leverage": None,
    "margin_usage": "0.0312",
    "naked": {"notional": "0", "seconds": "0", "worst_seconds": "1.25"},
    "positions": [],
    "pairs": [],
    "working_orders": 0,
    "in_doubt": 0,
    "venues": [{"name": "alpha", "connected": False, "data_age_ms": None}],
}


def asked(root: Path, *, json: bool = False) -> Asked:
    return Asked(profile="sim", layout=StateLayout(root), json=json)


def answer(result: object, **more: Any) -> Callable[[Cmd, Reply], None]:
    def reply_with(cmd: Cmd, reply: Reply) -> None:
        reply.done(Done(cmd.id, **{"ok": True, "result": json.dumps(result), **more}))

    return reply_with


def test_status_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path, answer(STATUS)):
        assert oneshot.ask(asked(tmp_path), "status", {}) == 0
    out = capsys.readouterr().out
    for text in (
        "SYNTHETIC",
        "HALTED",
        "latched, since 2023-03-01 00:00:00: by shell:1",
        "100,012.34",
        "−12.30",
    ):
        assert text in out
    assert "leverage —" in out
    assert "alpha DOWN" in out


def test_positions_line_up_by_the_point() -> None:
    """The JSON drops zeros at the end: `23,451` stood below `23,460.5`."""
    common = {"size_increment": "0.001", "price_increment": "0.1", "liquidation_price": None}
    rows = [
        common | {"instrument": "A", "size": "-0.516", "entry": "23480.416", "mark": "23451"},
        common | {"instrument": "B", "size": "0.5", "entry": "23480", "mark": "9460.5"},
        {"instrument": "C", "size": "7", "entry": "1.25", "mark": None},
    ]
    head, first, second, bare = plain.positions({"positions": rows}).splitlines()
    assert first.split()[2:5] == ["−0.516", "23,480.4", "23,451.0"]
    assert second.split()[2:5] == ["0.500", "23,480.0", "9,460.5"]
    assert bare.split()[2:5] == ["7", "1.25", "—"], "of an engine that tells no grid as it stands"
    assert head.index("entry") + len("entry") == first.index("23,480.4") + len("23,480.4")


def test_orders_line_up_by_the_point() -> None:
    common = {"instrument": "A", "side": "buy", "size_increment": "0.001", "price_increment": "0.1"}
    rows = [
        common | {"client_order_id": "1", "quantity": "0.103", "filled": "0", "price": "23451"},
        common | {"client_order_id": "2", "quantity": "0.1", "filled": "0.05", "price": None},
        {"client_order_id": "3", "instrument": "B", "side": "buy", "quantity": "7", "price": "1.25"},
    ]
    _, first, second, bare = plain.orders({"orders": rows}).splitlines()
    assert first.split()[3:6] == ["0.103", "0.000", "23,451.0"]
    assert second.split()[3:6] == ["0.100", "0.050", "—"]
    assert bare.split()[3:6] == ["7", "—", "1.25"], "of a foreign instrument as it stands"


def test_json_is_the_engines_own_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path, answer(STATUS)):
        assert oneshot.ask(asked(tmp_path, json=True), "status", {}) == 0
    assert json.loads(capsys.readouterr().out) == STATUS


def test_a_halt_for_another_profile_than_the_folders_engine_is_not_sent(tmp_path: Path) -> None:
    """It would print HALTED, and the engine that was meant would trade on."""
    sent: list[str] = []

    def reply_with(cmd: Cmd, reply: Reply) -> None:
        sent.append(cmd.name)
        reply.done(Done(cmd.id, ok=True, result="{}"))

    meant = Asked(profile="real", layout=StateLayout(tmp_path))
    with serving(tmp_path, reply_with):
        for name in ("halt", "status"):
            with pytest.raises(ProductError, match="runs profile sim, you named real") as told:
                oneshot.ask(meant, name, {})
            assert told.value.exit is Exit.USAGE
        with pytest.raises(ProductError, match="runs profile sim"):
            oneshot.flatten(meant, "", yes=True)
        assert not sent
        assert oneshot.ask(asked(tmp_path), "halt", {}) == 0
    assert sent == ["halt"]


@pytest.mark.parametrize("name", ["positions", "orders", "pairs", "alerts"])
def test_lists(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path, answer({"schema": 1, name: []})):
        assert oneshot.ask(asked(tmp_path), name, {}) == 0
    assert capsys.readouterr().out.startswith("no ")
    rows = [{"instrument": "BTC-USDT-PERP.alpha", "id": "P-01", "client_order_id": "abc", "size": "-1.5"}]
    with serving(tmp_path, answer({"schema": 1, name: rows})):
        assert oneshot.ask(asked(tmp_path), name, {}) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[0] in ("instrument", "order", "pair", "severity")
    assert "—" in row


def test_progress_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def slow(cmd: Cmd, reply: Reply) -> None:
        reply.progress("cancelling 4 orders")
        reply.done(
            Done(
                cmd.id,
                True,
                result='{"flat":true,"fresh_read_ts":1677628800000000000,"kept":["alpha USD 5"]}',
            )
        )

    with serving(tmp_path, slow) as engine:
        assert oneshot.flatten(asked(tmp_path), "BTC-USDT-PERP", yes=True) == 0
    captured = capsys.readouterr()
    assert "cancelling 4 orders" in captured.err
    assert captured.out.startswith("flat: zero orders, zero positions")
    assert "kept: alpha USD 5" in captured.out
    assert engine.taken[0].args == {"what": "BTC-USDT-PERP"}
    assert engine.taken[0].origin == f"shell:{os.getpid()}"


def test_refusal_has_its_status_and_one_line(tmp_path: Path) -> None:
    refused = answer(None, ok=False, code="refused", text="breaker daily still holds", exit=4)
    with serving(tmp_path, refused), pytest.raises(ProductError, match="breaker daily") as caught:
        oneshot.ask(asked(tmp_path), "resume", {"reason": "why not"})
    assert caught.value.exit is Exit.REFUSED


def test_a_refusal_leaves_no_empty_answer_for_scripts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = answer({}, ok=False, code="usage", text="no strategy 'nobody'", exit=2)
    with serving(tmp_path, refused), pytest.raises(ProductError, match="nobody"):
        oneshot.ask(asked(tmp_path, json=True), "pause", {"name": "nobody"})
    assert capsys.readouterr().out == ""
    with serving(tmp_path, answer({})):
        assert oneshot.ask(asked(tmp_path, json=True), "pause", {"name": "funding_arb"}) == 0
    assert capsys.readouterr().out == "{}\n"


def test_flatten_that_leaves_something_is_five_and_lists_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = {"flat": False, "positions_left": ["BTC-USDT-PERP.alpha 0.001: dust"], "fresh_read_ts": 1}
    told = answer(left, ok=False, code="left", text="not flat: BTC-USDT-PERP.alpha 0.001: dust", exit=5)
    with serving(tmp_path, told), pytest.raises(ProductError) as caught:
        oneshot.flatten(asked(tmp_path), "", yes=True)
    assert caught.value.exit is Exit.LEFT_OPEN
    assert "position left: BTC-USDT-PERP.alpha 0.001: dust" in capsys.readouterr().out


def test_no_engine_is_three(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="no engine is running for profile sim") as caught:
        oneshot.ask(asked(tmp_path), "status", {})
    assert caught.value.exit is Exit.NO_ENGINE


def test_held_lock_without_answer_is_one_never_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BIND_WAIT_S", 0.0)
    with (tmp_path / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write('{"pid": 4242}\n')
        lock.flush()
        with pytest.raises(ProductError, match="engine PID 4242 does not answer") as caught:
            oneshot.ask(asked(tmp_path), "status", {})
    assert caught.value.exit is Exit.FAILED


def test_stale_lock_file_is_no_engine(tmp_path: Path) -> None:
    (tmp_path / "engine.lock").write_text('{"pid": 1}')
    assert running.lock_holder(StateLayout(tmp_path)) is None


def test_too_long_socket_path_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="--state-dir") as caught:
        oneshot.ask(asked(tmp_path / ("x" * 120)), "status", {})
    assert caught.value.exit is Exit.USAGE


def test_flatten_without_a_terminal_requires_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("flatten\n"))
    with pytest.raises(UsageError, match="--yes"):
        oneshot.flatten(asked(tmp_path), "", yes=False)


def test_a_direct_flatten_of_a_pair_is_refused_before_any_engine_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venues know no pairs; a leg's instrument takes the whole pair."""
    ended: list[str] = []
    monkeypatch.setattr("services.engine.end_engine", lambda layout, _: ended.append(str(layout)) or "")
    with pytest.raises(ProductError, match="name one of its legs") as caught:
        oneshot.flatten_direct(asked(tmp_path), "P-01", yes=True)
    assert (caught.value.exit, ended) == (Exit.USAGE, [])


@pytest.mark.parametrize(
    ("fault", "ended"),
    [
        (ProductError("engine PID 1 does not answer", code="no_answer"), True),
        (ProductError("silent for 2 s", code="silent"), True),
        (ProductError("cannot reach the engine: timed out"), True),
        (ProductError("no engine is running", Exit.NO_ENGINE, "no_engine"), True),
        (ProductError("the engine broke off: it stops", code="stopping"), True),
        (ProductError("the socket's path is too long", Exit.USAGE, "socket_path"), False),
        (ProductError("the engine refused: another user's", code="user"), False),
    ],
)
def test_a_direct_flatten_goes_on_whatever_kept_the_engine_from_answering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: ProductError, ended: bool
) -> None:
    """Full of callers that it never took, or gone while it was being asked: no answer is no answer."""

    def refuse(*_: Any, **__: Any) -> None:
        raise fault

    went: list[str] = []

    def direct(_layout: Any, profile: str, *_: Any) -> Done:
        went.append(profile)
        return Done("direct", True, result='{"flat":true}')

    monkeypatch.setattr(oneshot.Client, "open", refuse)
    monkeypatch.setattr(headless, "flatten_direct", direct)
    with (tmp_path / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ended:
            assert oneshot.flatten_direct(asked(tmp_path), "", yes=True) == 0
        else:
            with pytest.raises(ProductError):
                oneshot.flatten_direct(asked(tmp_path), "", yes=True)
    assert bool(went) is ended


def test_a_direct_flatten_goes_on_when_the_engine_ends_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = answer(None, ok=False, code="stopping", text="the engine has stopped", exit=1)
    done = Done("direct", True, result='{"flat":true}')
    monkeypatch.setattr(headless, "flatten_direct", lambda *_: done)
    with serving(tmp_path, told), (tmp_path / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert oneshot.flatten_direct(asked(tmp_path), "", yes=True) == 0


def test_a_direct_flatten_that_could_not_go_on_ends_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a shell that lacks the secrets, or under a file that cannot be read: an engine that hangs may come
    back, one that was ended for nothing protects nothing."""
    ended: list[str] = []
    monkeypatch.setattr("services.drive.direct.end_engine", lambda layout: ended.append(str(layout)) or "")
    file = tmp_path / "config.toml"
    file.write_text(
        '[profiles.sock]\nmode = "sim"\n[profiles.sock.venue.alpha]\nkind = "ftx"\n'
        'rest = "http://127.0.0.1:9"\nstream = "ws://127.0.0.1:9/ws/"\nkey = "trader"\nextensions = true\n'
    )
    monkeypatch.setenv("STABLECONSOLE_CONFIG", str(file))
    monkeypatch.delenv("STABLECONSOLE_SECRET_ALPHA", raising=False)
    layout = StateLayout(tmp_path)
    with pytest.raises(ProductError, match="its key has no secret"):
        headless.flatten_direct(layout, "sock", "", print)
    file.write_text("[profiles.sock")
    with pytest.raises(ProductError):
        headless.flatten_direct(layout, "sock", "", print)
    assert not ended


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "sent"), [("flatten\n", True), ("y\n", False), ("", False)])
def test_flatten_asks_for_the_word(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    sent: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Tty(typed))
    with serving(tmp_path, answer({"flat": True})) as engine:
        if sent:
            assert oneshot.flatten(asked(tmp_path), "alpha", yes=False) == 0
        else:
            with pytest.raises(ProductError, match="nothing was sent"):
                oneshot.flatten(asked(tmp_path), "alpha", yes=False)
    assert len(engine.taken) == int(sent)
    assert "This closes alpha" in capsys.readouterr().err


def test_engine_that_breaks_off_is_one_line(tmp_path: Path) -> None:
    def die(_cmd: Cmd, _reply: Reply) -> None:
        engine.vanish()

    with serving(tmp_path, die) as engine, pytest.raises(ProductError, match="gone away") as caught:
        oneshot.ask(asked(tmp_path), "status", {})
    assert caught.value.exit is Exit.FAILED


def test_halt_says_the_state_and_what_was_cancelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = {
        "ok": True,
        "trading_state": "HALTED",
        "causes": STATUS["causes"],
        "cancelled": 12,
        "pending": 2,
    }
    with serving(tmp_path, answer(result)):
        assert oneshot.ask(asked(tmp_path), "halt", {}) == 0
    out = capsys.readouterr().out
    assert out.startswith("halt: HALTED   12 orders cancelled   2 cancels pending")


LINE = {
    "id": "alpha:balance:USDT:-500",
    "kind": "balance",
    "venue": "alpha",
    "subject": "USDT",
    "ours": "15000",
    "theirs": "14500",
    "usd": "499.9",
    "state": "waiting",
    "since": 1_677_628_800_000_000_000,
    "text": "balance USDT at alpha: ours 15000, the venue's 14500",
    "accepting": "moves our book by -500 USDT; it counts as profit or loss, not as a transfer",
}


def differing(*lines: dict[str, Any]) -> Callable[[Cmd, Reply], None]:
    """An engine whose books differ by these lines until they are accepted by name."""
    left = list(lines)

    def answer(cmd: Cmd, reply: Reply) -> None:
        if cmd.name == "reconcile accept":
            left[:] = [line for line in left if line["id"] not in cmd.args["ids"].split()]
        result = {"ok": not left, "trading_state": "REDUCING", "causes": [], "differences": left}
        error = {"code": "differences", "text": f"{len(left)} differences", "exit": 4} if left else {}
        reply.done(Done(cmd.id, ok=not left, result=json.dumps(result), **error))

    return answer


def test_reconcile_lists_line_by_line_and_exits_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path, differing(LINE)) as engine:
        with pytest.raises(ProductError) as caught:
            oneshot.reconcile(asked(tmp_path), accept=False)
        assert [cmd.name for cmd in engine.taken] == ["reconcile"]
    assert caught.value.exit is Exit.REFUSED
    out = capsys.readouterr().out
    assert "14,500" in out
    assert "accepting USDT moves our book by -500 USDT" in out


@pytest.mark.parametrize("lines", [[], [LINE]], ids=["nothing listed", "an earlier line"])
def test_reconcile_says_of_a_silent_venue_that_nothing_is_known(
    lines: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = {"ok": False, "trading_state": "REDUCING", "causes": [], "differences": lines}
    error = {"ok": False, "code": "unread", "text": "no answer from alpha, beta", "exit": 1}
    silent = answer({**result, "unread": ["alpha", "beta"]}, **error)
    with serving(tmp_path, silent), pytest.raises(ProductError) as caught:
        oneshot.reconcile(asked(tmp_path), accept=False)
    assert caught.value.exit is Exit.FAILED
    out = capsys.readouterr().out
    assert "no answer from alpha, beta" in out
    assert "no difference" not in out
    assert ("14,500" in out) is bool(lines)


def test_reconcile_accept_names_exactly_the_lines_it_has_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {**LINE, "id": "alpha:balance:USD:-1", "state": "adopted"}
    with serving(tmp_path, differing(LINE)) as engine:
        assert oneshot.reconcile(asked(tmp_path), accept=True) == 0
        assert [(cmd.name, cmd.args) for cmd in engine.taken] == [
            ("reconcile", {}),
            ("reconcile accept", {"ids": LINE["id"]}),
        ]
    assert "no difference: our books are the venues'" in capsys.readouterr().out
    with serving(tmp_path, answer({"ok": True, "differences": [small]})) as engine:
        assert oneshot.reconcile(asked(tmp_path, json=True), accept=True) == 0
        assert len(engine.taken) == 1, "nothing waits: nothing is accepted"
    assert json.loads(capsys.readouterr().out)["differences"] == [small]


def test_status_tells_an_overridden_breaker_and_where_it_trips_again() -> None:
    row = {"tripped": False, "daily_loss": "0.06", "overridden": {"daily": "0.085", "equity": None}}
    assert plain.status({"breaker": row}).count("OVERRIDDEN") == 2
    assert "armed   daily OVERRIDDEN, again at 8.50 %   equity OVERRIDDEN   daily 6.00 %" in plain.status(
        {"breaker": row}
    )


def test_a_stop_says_what_stays_without_anybody_to_watch_it() -> None:
    held = ["BTC-USDC-PERP.alpha +0.516", "BTC-USDC-PERP.beta -0.516"]
    said = plain.safety("stop", {"trading_state": "ACTIVE", "cancelled": 3, "positions": held})
    assert "3 orders cancelled" in said
    assert f"2 positions stay, unwatched: {held[0]}, {held[1]}" in said
    bare = {"trading_state": "ACTIVE", "cancelled": 0, "positions": []}
    assert "stay" not in plain.safety("stop", bare)
    assert "NOT WRITTEN" not in plain.safety("stop", {**bare, "unwritten": None})
    full = "36 rows, store.sqlite: the disk is full; free some space"
    assert f"NOT WRITTEN: {full}; it is tried" in plain.safety("stop", {**bare, "unwritten": full})


def test_a_flatten_that_left_something_calls_no_old_read_fresh() -> None:
    """Of a venue that is away since the start the last read is of an earlier engine's."""
    answer = {"positions_left": ["BTC-USDC-PERP.beta -0.516: beta is not reached"], "fresh_read_ts": 0}
    left = plain.flatten({**answer, "flat": False})
    assert "NOT flat   oldest read 1970-01-01 00:00:00" in left
    assert "fresh" not in left
    assert "fresh read 1970-01-01 00:00:00" in plain.flatten({"flat": True, "fresh_read_ts": 0})


def test_no_position_in_the_shell_is_none_as_of_then_where_an_account_is_out_of_sight() -> None:
    assert plain.positions({"positions": [], "unseen_ms": None}) == "no open positions"
    told = plain.positions({"positions": [], "unseen_ms": 93_000})
    assert told.startswith("no open positions 93 s ago: an account has not been read since")
