"""What we hold: ledger, margin, liquidation distances, exposure, stress, unit value, episodes."""
