"""Venue adapters behind one port. Nobody but `drive` and `workers` talks to them."""
