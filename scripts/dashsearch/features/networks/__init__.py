"""Frozen networks that turn frames or windows into features, one module a family."""
