"""How the C library hands out the memory of large arrays.

XLA asks for a program's temporary arrays at every call and gives them back after it. Above 32 MB glibc takes such a
block from the system each time, which has to fill it with zeros page by page: for the gradient of an LSTM (B 64, T 64,
H 192) that is 15,000 page faults and a quarter of the call's time. Kept in the process, the memory is reused.
"""

import ctypes
import platform

# Numbers from glibc's malloc.h, and values in bytes.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Lets the process keep what it frees, up to blocks of 1 GB; tells whether that can be had (glibc alone)."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {MMAP_THRESHOLD: 2**30, TRIM_THRESHOLD: LARGEST, TOP_PAD: 2**28}
    results = [mallopt(option, value) for option, value in settings.items()]
    return all(result == 1 for result in results)
