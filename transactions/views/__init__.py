"""The pages of transactions, by what they show."""
