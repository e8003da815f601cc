"""Fuzzing by coverage, for whoever has atheris."""
