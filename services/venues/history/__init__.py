"""Recorded history from files: the public dump's layout, or series declared in a `history.toml`."""
