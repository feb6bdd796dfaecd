"""Every parameter with its default, unit and reason; validation of what a person writes. No file access."""
