"""A fitted model as bytes and back: numbers in a fixed layout, so that reading runs nothing.

A header (magic, version, SHA-256 of what follows unpacked), then zlib-packed: how many of each,
the intercept, the weights that are not 0 by their positions, the idf as an index into its few
distinct values, and the held-out scores. Little-endian throughout. Needs numpy.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from comments.rules.learning_features import DIMENSIONS

MAGIC = b"RJML"
FORMAT_VERSION = 1
"""Raised with every change of the features or of the layout; other versions are refused."""
LONGEST_MODEL_BYTES = 32 << 20

_HEADER = struct.Struct("<4sH32s")
_NUMBERS = struct.Struct("<4Id")


class Stored(NamedTuple):
    """What makes a model; ``weights`` and ``idf`` are empty where it knows no two classes."""

    weights: NDArray[np.float64]
    intercept: float
    idf: NDArray[np.float32]
    held_out: NDArray[np.float32]


def stored_bytes(model: Stored) -> bytes:
    """Returns the bytes of a model, the same for the same model."""
    used = np.flatnonzero(model.weights)
    kinds, kind_of = np.unique(model.idf, return_inverse=True)
    sizes = (len(used), len(kinds), len(model.idf), len(model.held_out))
    arrays = (
        used.astype("<u4"),
        model.weights[used].astype("<f8"),
        kinds.astype("<f4"),
        kind_of.astype("<u4"),
        model.held_out.astype("<f4"),
    )
    body = _NUMBERS.pack(*sizes, model.intercept) + b"".join(each.tobytes() for each in arrays)
    return _HEADER.pack(MAGIC, FORMAT_VERSION, hashlib.sha256(body).digest()) + zlib.compress(body)


def read_stored(data: bytes) -> Stored:
    """Returns the model in these bytes.

    Raises ``ValueError``, ``struct.error`` or ``zlib.error`` where they are not what
    ``stored_bytes`` of this version writes; at most ``LONGEST_MODEL_BYTES`` are unpacked.
    """
    magic, version, digest = _HEADER.unpack_from(data)
    if (magic, version) != (MAGIC, FORMAT_VERSION):
        raise ValueError("another format or version")
    packed = zlib.decompressobj()
    body = packed.decompress(data[_HEADER.size :], LONGEST_MODEL_BYTES)
    if not packed.eof or packed.unused_data or hashlib.sha256(body).digest() != digest:
        raise ValueError("cut off or changed")
    used, kinds, dimensions, held_out, intercept = _NUMBERS.unpack_from(body)
    at = _NUMBERS.size

    def next_array(dtype: str, count: int) -> NDArray[Any]:
        nonlocal at
        values = np.frombuffer(body, dtype, count, at) if count else np.zeros(0, dtype)
        at += values.nbytes
        return values

    positions, values = next_array("<u4", used), next_array("<f8", used)
    idf_kinds, kind_of = next_array("<f4", kinds), next_array("<u4", dimensions)
    tested = next_array("<f4", 2 * held_out).reshape(-1, 2)
    finite = all(np.isfinite(each).all() for each in (values, idf_kinds, tested, intercept))
    if at != len(body) or dimensions not in {0, DIMENSIONS} or not finite:
        raise ValueError("its parts do not fit together")
    if (positions >= dimensions).any() or (kind_of >= kinds).any():
        raise ValueError("it points outside itself")
    weights = np.zeros(dimensions)
    weights[positions] = values
    idf = idf_kinds.astype(np.float32)[kind_of] if dimensions else np.zeros(0, np.float32)
    return Stored(weights, intercept, idf, tested.astype(np.float32))
