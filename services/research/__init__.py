"""Backtests and reports."""
