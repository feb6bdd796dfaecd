"""Trading state and causes, the gate, limits, sizing, breaker, depeg monitor."""
