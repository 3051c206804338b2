"""The API of transactions, by what it is about."""
