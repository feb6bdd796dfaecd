"""One read brings many words, and all are counted before anybody acts on one.

Whoever acts on the first of them, with the rest unheard, acts on a state that the read itself refutes: a pair
whose slices were lost with the engine was cut to match the first, and stood naked by all that followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.desk.core import DeskCore
from services.desk.submit import Submitter
from services.execution.entries import OrderEntry


@contextmanager
def whole(core: DeskCore, submit: Submitter) -> Iterator[None]:
    """Inside, words on orders are counted as they are booked; behind it everybody does what is next."""
    told: dict[str, OrderEntry] = {}
    submit.told = told
    core.pairs.hold()
    yield
    submit.told = None
    submit.run(core.pairs.release(core.now, submit.prices))
    for entry in told.values():
        submit.tell(entry)
