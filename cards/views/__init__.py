"""The pages of people and their cards."""
