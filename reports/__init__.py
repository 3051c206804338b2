"""What it all adds up to. Reads only."""
