"""What a sample that a policy chose says wrongly about the whole space."""
