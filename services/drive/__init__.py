"""Carries out effects: virtual time, latch, watchdog. The only room between desk and venues."""
