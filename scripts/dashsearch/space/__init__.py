"""Factors, levels and cells: the configuration space that everybody searches."""
