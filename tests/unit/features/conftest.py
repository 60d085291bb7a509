"""Networks of torchvision and transformers import here, also beside a CPU build of torch."""

from dashsearch import torchvision_shim

__all__ = ["torchvision_shim"]
