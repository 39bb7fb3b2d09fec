"""One account's sync."""
