"""Stand-ins for what faces the server: phones, push, mail. Loud; never for production."""
