"""What templates can say, in every one of them without loading it."""
