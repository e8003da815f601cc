"""What courts ordered: orders, versioned conditions, and the approved exceptions to them."""
