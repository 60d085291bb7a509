"""Frozen networks that turn frames or windows into features, one module a family."""

# First of all: torchvision, which the families import, may need it.
from dashsearch import torchvision_shim

__all__ = ["torchvision_shim"]
