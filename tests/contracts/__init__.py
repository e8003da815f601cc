"""Promises about the application as a whole, held by tests that read it."""
