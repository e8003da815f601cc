"""Measured, repeatable, never part of the tests: `make bench`."""
