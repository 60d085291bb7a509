"""What the C library does with memory that is given back."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_MMAP_THRESHOLD = 2**25
NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Let freed memory stay with this process, for the next step's tensors.

    By default glibc hands large blocks back and gets them again at every step, as pages that the
    kernel first has to clear: up to a third of a training step. Other C libraries are left alone.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        set_option(M_TRIM_THRESHOLD, NEVER)
