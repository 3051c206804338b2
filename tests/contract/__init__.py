"""The contract against a real server, with the credentials of several people and of a program: `python -m tests.contract`."""
