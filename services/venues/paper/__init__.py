"""Paper: any venue's live public data, traded against by the simulated exchange's own rules (DESIGN 5)."""
