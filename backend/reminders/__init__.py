"""Reminders: collects what falls due, asks notifications to plan, writes to the outbox."""
