"""The pages of cards, and of the people who carry them."""
