"""Agencies, officers and the people they supervise: who may sign in, and who may see whom."""
