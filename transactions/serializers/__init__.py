"""Transactions and what belongs to them, as the API shows and takes them, by what it is about."""
