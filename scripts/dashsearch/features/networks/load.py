"""Loading a network by its entry of the registry; each family imports its library when asked."""

from pathlib import Path

from dashsearch.features.networks.base import Network
from dashsearch.features.registry import Backbone


def load_network(entry: Backbone, weights_dir: Path | None, device: str) -> Network:
    """Load the network of an entry, frozen, on a device.

    Parameters
    ----------
    entry
        Of the family transformers or torchvision.
    weights_dir
        Folder that holds the weights on a node without network; None: fetched by the library.
    device
        ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    InputError
        If the weights are missing, gated, or no safetensors or state dict.
    """
    if entry.family == "torchvision":
        from dashsearch.features.networks import torchvision_family  # noqa: PLC0415

        return torchvision_family.load(entry, weights_dir, device)
    from dashsearch.features.networks import transformers_family  # noqa: PLC0415

    return transformers_family.load(entry, weights_dir, device)
