"""What the user sets, and which accounts that makes."""
