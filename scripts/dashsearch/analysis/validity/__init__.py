"""Whether validation stands for test, and a sample for its space."""
