"""The schema of an experiment's row; reading, writing, joining and checking tables."""
