"""The simulated exchange as a server in the FTX dialect, REST and WebSocket, on loopback (DESIGN 5)."""
