"""WebAuthn (Level 2): a browser's passkey, registered and used with its user verified."""
