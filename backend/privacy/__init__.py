"""What people are told of what is kept of them."""
