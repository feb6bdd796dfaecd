"""All that runs without a terminal. Rooms are floors: a file imports only floors below or siblings."""
