"""What people ask of their agency in writing, and the help that they always reach."""
