"""Random seeds derived by name, so that no draw depends on the order in which jobs ran."""

import hashlib


def derive_seed(*names: str | int | float) -> int:
    """Derive a seed in [0, 2**63) from a path of names, such as (1, "highway", "random", 0).

    The same names give the same seed on every machine and in every process. Names are joined with
    a separator that none of them may contain, so ("a", "bc") and ("ab", "c") differ.

    Raises
    ------
    ValueError
        If a name contains the separator (U+001F), or no name is given.
    """
    if not names:
        raise ValueError("derive_seed needs at least one name; pass what the draw is for.")
    texts = [str(name) for name in names]
    if any("\x1f" in text for text in texts):
        raise ValueError(f"derive_seed: a name in {texts!r} contains U+001F; remove it.")
    value = hashlib.sha256("\x1f".join(texts).encode()).digest()
    return int.from_bytes(value[:8], "big") >> 1
