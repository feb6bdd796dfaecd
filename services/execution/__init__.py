"""Order life, pairs, flatten, reconciliation: pure state machines that return actions."""
