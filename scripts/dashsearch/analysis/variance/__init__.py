"""Whose the variance of the scores is: shares with intervals, chance levels and tests."""
