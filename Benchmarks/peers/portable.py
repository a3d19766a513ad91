"""Random numbers that are the same in every language, so that losses can be compared.

  mix(z):  z ^= z >> 30; z *= 0xBF58476D1CE4E5B9; z ^= z >> 27; z *= 0x94D049BB133111EB; z ^= z >> 31
  word(stream, i)        = mix(mix(stream * G) + (i + 1) * G)       uint64, G = 0x9E3779B97F4A7C15
  weight(stream, i, b)   = (float32(word >> 40) * 2^-23 - 1) * float32(b)      in float32, row-major
  integer(stream, i, n)  = (word >> 33) mod n
"""

import math

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
SHIFTS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
MASK = (1 << 64) - 1
PIECE = 1 << 20  # elements made at once: they stay in the cache


def mix(z):
    """The finaliser of SplitMix64, for one Python integer."""
    z &= MASK
    for shift, factor in SHIFTS:
        z = ((z ^ (z >> shift)) * factor) & MASK
    return z ^ (z >> 31)


def words(stream, count, start=0):
    """The words start ..< start + count of a stream."""
    z = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    z *= np.uint64(GOLDEN)
    z += np.uint64(mix(stream * GOLDEN))
    for shift, factor in SHIFTS:
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    return z


def weights(stream, shape, bound):
    """float32 numbers in [-bound, bound)."""
    out = np.empty(math.prod(shape), np.float32)
    for start in range(0, out.size, PIECE):
        count = min(PIECE, out.size - start)
        piece = (words(stream, count, start) >> np.uint64(40)).astype(np.float32)
        out[start : start + count] = (piece * np.float32(2.0**-23) - np.float32(1)) * np.float32(bound)
    return out.reshape(shape)


def integers(stream, shape, n):
    """int64 numbers in 0 ..< n."""
    return ((words(stream, math.prod(shape)) >> np.uint64(33)) % np.uint64(n)).astype(np.int64).reshape(shape)
