"""`Desk.handle`: event in, effects out; composes strategy, sizing, gate and execution."""
