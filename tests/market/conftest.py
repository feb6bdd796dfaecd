"""Every test of this room runs in the desk's decimal context, as the desk does."""

from __future__ import annotations

import decimal
from collections.abc import Iterator

import pytest

from services.domain.money import DESK_CONTEXT


@pytest.fixture(autouse=True, scope="module")
def desk_context() -> Iterator[None]:
    before = decimal.getcontext()
    decimal.setcontext(DESK_CONTEXT.copy())
    yield
    decimal.setcontext(before)
