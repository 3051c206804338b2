"""Who is asking, and for which company."""
