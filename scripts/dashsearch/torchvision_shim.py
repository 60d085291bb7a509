"""Makes torchvision importable where its compiled operators do not load; import it before it."""

import importlib.util
from pathlib import Path

import torch

# A CUDA wheel of torchvision beside a CPU build of torch cannot load its compiled library, and its
# import fails because two operators are unknown. Nothing here uses them: their names are enough.
_OPERATORS = ("nms", "qnms")


def _declare_operators() -> "torch.library.Library | None":
    """Declare the operators unless they load; the declaration lives as long as what is returned."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None  # its import will say so
    try:
        for path in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(path)  # type: ignore[no-untyped-call]
    except OSError:
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in _OPERATORS:
            schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            library.define(schema)  # type: ignore[no-untyped-call]
        return library
    return None


LIBRARY = _declare_operators()
