"""The simulated exchange: a second party with books of its own (RUNTIME 6)."""
