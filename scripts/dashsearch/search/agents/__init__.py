"""Language models as policies: one prompt, one reply schema and one record for every provider."""
