"""The API of cards, by what it is about."""
