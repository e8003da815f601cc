"""What tests stand on: factories per slice, a clock that only moves when told, databases, fakes."""
