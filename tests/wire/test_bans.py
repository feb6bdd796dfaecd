"""Bans outlast a restart, are never shortened, and a file that cannot be read stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.clock import boot_ns
from services.venues.wire.bans import Bans, BansError, Held, decode, encode
from services.venues.wire.budget import SECOND, Budget, Lane, Window

WINDOW = Window(name="w", span_s=60, limit=10)
HOST, OTHER = "https://a.example", "https://b.example"
NOW = 1_790_000_000_000


def test_a_ban_outlasts_a_restart_and_ends_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "state" / "bans.json"
    bans = Bans(path)
    assert bans.left_ms(HOST, NOW) == 0
    bans.note(HOST, 120.0, NOW)
    again = Bans(path)
    assert again.left_ms(HOST, NOW + 20_000) == 100_000
    assert again.left_ms(OTHER, NOW) == 0
    assert again.left_ms(HOST, NOW + 120_000) == 0


def test_a_ban_is_never_shortened_and_short_pauses_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "bans.json"
    bans = Bans(path)
    bans.note(OTHER, 0.2, NOW)
    assert not path.exists()
    bans.note(HOST, 600, NOW)
    bans.note(HOST, 60, NOW)
    bans.note(OTHER, 5, NOW)
    assert Bans(path).left_ms(HOST, NOW) == 600_000
    assert Bans(path).left_ms(OTHER, NOW) == 5_000


def test_a_mistaken_clock_bans_nobody_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "bans.json"
    Bans(path).note(HOST, 60, NOW)
    assert Bans(path).left_ms(HOST, NOW - 30 * 86_400_000) == 0


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"v": 1, "until_ms": {"a": "soon"}}'])
def test_an_unreadable_file_is_named(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "bans.json"
    path.write_bytes(body)
    with pytest.raises(BansError, match=r"bans\.json"):
        Bans(path)
    with pytest.raises(BansError, match="version 2"):
        decode(b'{"v": 2, "until_ms": {}}', "bans.json")


@given(st.dictionaries(st.text(max_size=10), st.integers(0, 2**53), max_size=4))
def test_what_is_written_is_read(until: dict[str, int]) -> None:
    assert decode(encode(until), "x") == until


def test_a_disk_that_takes_nothing_loses_no_answer_and_the_ban_still_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "full").write_text("")
    bans = Bans(tmp_path / "full" / "bans.json")
    bans.note(HOST, 60.0, 1_000)
    assert bans.left_ms(HOST, 1_000) == 60_000
    assert "is not on disk" in caplog.text


def test_a_ban_holds_for_all_that_is_sent_there_and_is_kept_beside_another_process_s(tmp_path: Path) -> None:
    """Two accounts of one venue, or the wallet beside spot: it is the address that is banned."""
    path = tmp_path / "bans.json"
    bans, doctor = Bans(path), Bans(path)
    one, two, elsewhere = Budget([WINDOW]), Budget([WINDOW]), Budget([WINDOW])
    for host, budget in ((HOST, one), (HOST, two), (OTHER, elsewhere)):
        bans.heed(host, budget, NOW)
    bans.note(HOST, 100.0, NOW)
    waits = [budget.wait(boot_ns(), Lane.SAFE, {}) for budget in (one, two, elsewhere)]
    assert all(wait is not None and 90 * SECOND < wait <= 100 * SECOND for wait in waits[:2])
    assert waits[2] == 0
    doctor.note(OTHER, 50.0, NOW)
    assert (Bans(path).left_ms(HOST, NOW), Bans(path).left_ms(OTHER, NOW)) == (100_000, 50_000)
    late = Budget([WINDOW])
    Bans(path).heed(HOST, late, NOW)
    assert (late.wait(boot_ns(), Lane.SAFE, {}) or 0) > 90 * SECOND


def test_what_is_counted_by_address_is_one_for_all_accounts_there_and_orders_are_each_account_s() -> None:
    """Two accounts on one host spent twice what their address may, and were banned together."""
    weight = Window(name="weight", span_s=60, limit=10, by_address=True)
    orders = Window(name="orders", span_s=60, limit=4)
    bans = Bans(None)
    budgets = {
        name: Budget([weight, orders], reserved=0.3)
        for name in ("mine", "other", "mine again", "nobody", "nobody else", "elsewhere")
    }
    for name, host, account in (
        ("mine", HOST, "k1"), ("other", HOST, "k2"), ("mine again", HOST, "k1"),
        ("nobody", HOST, ""), ("nobody else", HOST, ""), ("elsewhere", OTHER, "k1"),
    ):  # fmt: skip
        bans.heed(host, budgets[name], NOW, account)
    now = boot_ns()
    budgets["mine"].take(now, {"weight": 5, "orders": 4})
    budgets["nobody"].take(now, {"weight": 2, "orders": 1})
    used = {name: [spent for spent, _ in budget.used(now).values()] for name, budget in budgets.items()}
    assert used == {
        "mine": [7, 4], "other": [7, 0], "mine again": [7, 4], "nobody": [7, 1], "nobody else": [7, 0],
        "elsewhere": [0, 0],
    }  # fmt: skip
    assert budgets["other"].wait(now, Lane.DATA, {"weight": 1}) != 0, (
        "the reserved share is kept of the whole"
    )
    assert budgets["other"].wait(now, Lane.SAFE, {"weight": 3}) == 0
    budgets["other"].observe(now, "weight", 9)
    budgets["nobody"].resize("weight", 20)
    assert budgets["mine"].used(now)["weight"] == (9, 20), "what the venue tells one is true for all"


def test_a_stream_s_ban_outlasts_a_restart_too(tmp_path: Path) -> None:
    path = tmp_path / "bans.json"
    Held(Bans(path), HOST, lambda: NOW).note(90.0)
    again = Bans(path)
    assert Held(again, HOST, lambda: NOW + 30_000).left_s() == 60.0
    assert Held(again, OTHER, lambda: NOW).left_s() == 0.0
