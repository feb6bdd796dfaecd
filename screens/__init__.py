"""What is seen. Screens get views and a Link, and post messages upward."""
