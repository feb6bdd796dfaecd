"""Pure strategies: (view, params, state) -> intents without size."""
