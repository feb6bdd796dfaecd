"""Control frames and the command grammar, shared by console, shell commands and engine."""
