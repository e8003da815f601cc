"""The platform: settings, database, HTTP, errors, clock, keys, jobs. Imports no slice."""
