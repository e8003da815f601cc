"""The application: HTTP, database, commands, and the slices that the product is made of."""
