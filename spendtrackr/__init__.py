"""The kernel: what knows no domain. It imports no app."""
