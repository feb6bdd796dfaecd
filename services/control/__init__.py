"""The local control socket: views out, commands in."""
