"""Intervals, tests and their corrections, which every question uses."""
