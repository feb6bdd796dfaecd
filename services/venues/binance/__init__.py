"""Binance USD-M futures as of 2026: REST, three stream entry points, conditionals on the algo service."""
