"""What to say, when, and by which channel. Knows neither Flask nor SQL."""
