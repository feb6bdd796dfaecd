"""Live tasks around the desk."""
