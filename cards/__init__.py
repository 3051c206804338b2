"""What may be spent, by whom, within which limits."""
