"""The FTX dialect as it stood in 2022: spoken by our simulated exchange as a server and by this client."""
