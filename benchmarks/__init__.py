"""Measure card authorizations beside other ways to do the same, in one run. Never a part of the tests."""
