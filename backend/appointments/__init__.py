"""Appointments: check-ins, hearings and meetings that a person is expected at."""
