"""Builders of the views that leave the desk: pure reads of its books, never a change (RUNTIME 3)."""

from services.desk.views.cache import ViewCache
from services.desk.views.flatten import flatten_plan
from services.desk.views.meta import Meta
from services.desk.views.panes import desk_view
from services.desk.views.status import orders, pairs, positions, status
from services.desk.views.strip import strip
from services.desk.views.summary import summary

__all__ = [
    "Meta",
    "ViewCache",
    "desk_view",
    "flatten_plan",
    "orders",
    "pairs",
    "positions",
    "status",
    "strip",
    "summary",
]
