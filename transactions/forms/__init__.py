"""What people fill in about transactions, and what they and programs write into addresses."""
