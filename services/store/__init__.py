"""The database: one writer, exact decimals, the journal chain."""
