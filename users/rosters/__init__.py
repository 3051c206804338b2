"""People and departments as spreadsheets hold them: the file as a table, and what would become of each of its rows.

Pure: what stands in the company is handed in (`standing.py`), and `users.operations.imports` does what is decided here.
"""
