"""The risk room is tested in the desk's own Decimal context: a float in its arithmetic is an error."""

from __future__ import annotations

import decimal
from collections.abc import Iterator

import pytest

from services.domain.money import DESK_CONTEXT


@pytest.fixture(autouse=True, scope="module")
def desk_context() -> Iterator[None]:
    before = decimal.getcontext().copy()
    decimal.setcontext(DESK_CONTEXT.copy())
    yield
    decimal.setcontext(before)
