"""Live tasks beside the engine: the simulated exchange as a server, venues over real sockets."""
