"""Snapshot views: frozen figures that leave the desk for screens, sockets and `--json`. No formatting."""
