"""Stand-ins for what faces the server: phones and the push service. Loud; never for production."""
