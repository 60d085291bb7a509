"""Frozen networks that turn frames or windows into features, one module a family."""

# First of all: torchvision, which the families import, may need it.
from dashsearch.features.networks import shim

__all__ = ["shim"]
