"""Android Key Attestation: what a phone's secure hardware says of a key, and whether to believe it."""
