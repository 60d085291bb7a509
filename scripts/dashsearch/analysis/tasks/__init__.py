"""Two or more tasks side by side."""
