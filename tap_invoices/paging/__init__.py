"""What to ask for next, decided from what came."""
