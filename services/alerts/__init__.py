"""Alert states: raised, acknowledged, resolved, de-duplicated."""
