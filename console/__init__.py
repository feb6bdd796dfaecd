"""The front door: command line, link to an engine, the app."""
