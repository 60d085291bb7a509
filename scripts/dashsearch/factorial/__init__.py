"""Measured tables of cells, and the questions that one may ask them."""

from dashsearch.factorial.benchmark import FactorialBenchmark, Measurements

__all__ = ["FactorialBenchmark", "Measurements"]
