"""What happens to money: funding, swipes, what clears of them, statements."""
