"""The table of an order's life, its odd rows, and the counter of ids."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import OrderState, Purpose
from services.execution.ids import IdCounter
from services.execution.life import ENDED, LIFE, Happened, step

S, H = OrderState, Happened


@pytest.mark.parametrize(
    ("state", "happened", "filled", "following"),
    [
        (S.INITIALIZED, H.SENT, False, S.SUBMITTED),
        (S.INITIALIZED, H.CANCEL_SENT, False, S.DENIED),
        (S.SUBMITTED, H.ACCEPTED, False, S.ACCEPTED),
        (S.SUBMITTED, H.PART_FILL, True, S.PARTIALLY_FILLED),  # a fill before the accept
        (S.PARTIALLY_FILLED, H.ACCEPTED, True, S.PARTIALLY_FILLED),
        (S.FILLED, H.ACCEPTED, True, S.FILLED),
        (S.CANCELED, H.PART_FILL, True, S.CANCELED),  # a fill after the cancel
        (S.CANCELED, H.LAST_FILL, True, S.FILLED),
        (S.PENDING_CANCEL, H.PART_FILL, True, S.PENDING_CANCEL),
        (S.PENDING_CANCEL, H.CANCEL_REFUSED, True, S.IN_DOUBT),
        (S.PENDING_CANCEL, H.CANCEL_REFUSED, False, S.IN_DOUBT),
        (S.FILLED, H.CANCEL_REFUSED, True, S.FILLED),
        (S.IN_DOUBT, H.PART_FILL, True, S.IN_DOUBT),
        (S.IN_DOUBT, H.ACCEPTED, True, S.PARTIALLY_FILLED),
        (S.IN_DOUBT, H.NOT_FOUND, False, S.REJECTED),
        (S.IN_DOUBT, H.NOT_FOUND, True, S.CANCELED),
        (S.INITIALIZED, H.ACCEPTED, False, S.ACCEPTED),  # killed between the send and its note
    ],
)
def test_rows(state: S, happened: H, filled: bool, following: S) -> None:
    assert step(state, happened, filled=filled) == type(step(state, happened, filled=filled))(following)


def test_an_impossible_transition_is_an_anomaly_and_never_an_exception() -> None:
    for state, happened in product(S, H):
        answer = step(state, happened, filled=False)
        assert (answer.anomaly is None) == ((state, happened) in LIFE)
        if answer.anomaly is not None and happened not in (H.PART_FILL, H.LAST_FILL):
            assert answer.state is state


def test_an_order_believed_dead_that_fills_has_lived() -> None:
    answer = step(S.REJECTED, H.PART_FILL, filled=True)
    assert answer.state is S.CANCELED
    assert answer.anomaly is not None
    assert step(S.DENIED, H.LAST_FILL, filled=True).state is S.FILLED


def test_what_has_ended_never_comes_back() -> None:
    for state, happened in product(sorted(ENDED), H):
        assert step(state, happened, filled=True).state in ENDED


def test_every_state_can_be_reached_and_left_to_an_end() -> None:
    targets = {target for target in LIFE.values() if target is not None}
    assert set(S) - targets <= {S.INITIALIZED, S.ACCEPTED}
    for state in S:
        assert state in ENDED or any(key[0] is state and value in ENDED for key, value in LIFE.items())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Purpose), st.integers(0, 2), st.integers(0, 99_999)), max_size=40))
def test_ids_are_twenty_characters_and_never_repeat(
    draws: list[tuple[Purpose, int, int]],
) -> None:
    ids = IdCounter("abc123")
    drawn = [ids.draw(*draw) for draw in draws]
    assert len(set(drawn)) == len(drawn)
    assert all(len(text) == 20 and text.isalnum() and text == text.lower() for text in drawn)
    again = IdCounter("abc123", ids.state)
    assert again.draw(Purpose.ENTRY) not in drawn


def test_an_instance_that_is_no_instance_is_refused() -> None:
    for bad in ("ABC123", "abc12", "abc12_"):
        with pytest.raises(ValueError, match="six characters"):
            IdCounter(bad)
