"""Value types, events, commands and effects: frozen records that are journal and socket format too."""
