"""What was spent, the money it moved, and the ledger under it."""
