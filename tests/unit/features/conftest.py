"""Networks of torchvision and transformers import here, also beside a CPU build of torch."""

from dashsearch.features.networks import shim

__all__ = ["shim"]
