"""Writes every_type.safetensors with the reference implementation.

    python3 -m venv venv && venv/bin/pip install safetensors==0.8.0 numpy
    venv/bin/python make_fixtures.py

Each tensor `NAME` of shape [2, 3] holds the bytes (7 * i + seed) % 251 with the seed of its row in
`TYPES`; booleans hold (i + seed) % 2. Tests make the same file from the same rule.
"""

import pathlib

import numpy
import safetensors
from safetensors import TensorSpec, serialize

TYPES = [  # name in the file, name that serialize() takes, bytes per element
    ("F64", "float64", 8), ("F32", "float32", 4), ("F16", "float16", 2), ("BF16", "bfloat16", 2),
    ("F8_E4M3", "float8_e4m3fn", 1), ("F8_E5M2", "float8_e5m2", 1),
    ("I64", "int64", 8), ("I32", "int32", 4), ("I16", "int16", 2), ("I8", "int8", 1),
    ("U64", "uint64", 8), ("U32", "uint32", 4), ("U16", "uint16", 2), ("U8", "uint8", 1),
    ("BOOL", "bool", 1),
]


def content(seed, count, boolean):
    return bytes((i + seed) % 2 if boolean else (7 * i + seed) % 251 for i in range(count))


def main():
    tensors = {}
    for seed, (name, dtype, size) in enumerate(TYPES):
        tensors["tensor." + name] = (dtype, [2, 3], content(seed, 6 * size, name == "BOOL"))
    tensors["empty"] = ("float32", [0, 4], b"")
    tensors["scalar"] = ("float32", [], content(40, 4, False))
    tensors['quote " \\ slash/ tab\t é 日'] = ("uint8", [3], content(50, 3, False))
    arrays = {name: numpy.frombuffer(data, numpy.uint8) for name, (_, _, data) in tensors.items()}
    specs = {
        name: TensorSpec(dtype=dtype, shape=shape, data_ptr=arrays[name].ctypes.data,
                         data_len=len(data))
        for name, (dtype, shape, data) in tensors.items()}
    path = pathlib.Path(__file__).with_name("every_type.safetensors")
    path.write_bytes(serialize(specs, {"author": 'reference "0.8.0"\nline \u0001 é'}))
    print(safetensors.__version__, path.stat().st_size)


if __name__ == "__main__":
    main()
