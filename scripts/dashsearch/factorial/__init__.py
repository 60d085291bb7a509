"""Measured tables of cells, and the questions that one may ask them."""
