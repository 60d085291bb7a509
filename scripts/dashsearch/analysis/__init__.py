"""Variance, convergence and dynamics of any ledger."""
