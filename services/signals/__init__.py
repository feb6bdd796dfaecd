"""Indicators over closed candles."""
