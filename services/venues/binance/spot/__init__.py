"""Binance spot: the same house, another account: coins instead of positions."""
