"""Play Integrity: what Google Play says of app and phone; a second opinion, never the first."""
