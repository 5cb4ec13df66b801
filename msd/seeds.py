"""Seeds derived by hashing names, so that adding a method or a dataset changes no other run."""

import hashlib


def derive_seed(*names: object) -> int:
    """A seed below 2⁶³ from names, e.g. derive_seed("clipart-tags", 0, "order"); the same on every machine.

    PyTorch's generator on a processor takes its lower 32 bits.
    """
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
