"""Fixtures for libs/safetensors, from torch and the reference implementation of safetensors (Rust, by its Python binding).

    python tools/oracles/src/safetensors/make_fixtures.py
"""

import base64
import hashlib
import json
import pathlib
import struct

import numpy
import safetensors
import torch
from safetensors.torch import save

FIXTURES = pathlib.Path(__file__).resolve().parents[4] / "libs" / "safetensors" / "fixtures"
CANONICAL_NAN = 0x7FC00000


def sha256(array: numpy.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def decoded(dtype: torch.dtype, width: int) -> numpy.ndarray:
    codes = numpy.arange(256**width, dtype=numpy.uint32).astype({1: numpy.uint8, 2: numpy.uint16}[width])
    tensor = torch.from_numpy(codes.view({1: numpy.uint8, 2: numpy.int16}[width])).view(dtype)
    return tensor.to(torch.float32).numpy()


def decode_digest(dtype: torch.dtype, width: int) -> str:
    bits = decoded(dtype, width).view(numpy.uint32).copy()
    bits[numpy.isnan(bits.view(numpy.float32))] = CANONICAL_NAN
    return sha256(bits)


def encode_inputs(dtype: torch.dtype, width: int) -> numpy.ndarray:
    """Every finite value of the dtype, the midpoints between neighbours, and float32's neighbours of all of these."""
    values = decoded(dtype, width)[: 256**width // 2]
    values = values[numpy.isfinite(values)]
    overflow = numpy.array([values[-1] + (values[-1] - values[-2]) / 2, values[-1] * 1.5, 3e38, numpy.inf], numpy.float32)
    midpoints = ((values[:-1].astype(numpy.float64) + values[1:].astype(numpy.float64)) / 2).astype(numpy.float32)
    exact = numpy.concatenate([values, midpoints, overflow]).view(numpy.uint32)
    bits = numpy.concatenate([exact, exact[exact > 0] - 1, exact[exact < 0x7F800000] + 1])
    return numpy.concatenate([bits, bits | 0x80000000]).astype(numpy.uint32)


def encode_digests(dtype: torch.dtype, width: int) -> dict:
    bits = encode_inputs(dtype, width)
    tensor = torch.from_numpy(bits.view(numpy.int32)).view(torch.float32).to(dtype)
    codes = tensor.view({1: torch.uint8, 2: torch.int16}[width]).numpy()
    return {"inputs": sha256(bits), "outputs": sha256(codes), "count": len(bits)}


def conversions() -> dict:
    sixteen = {"F16": torch.float16, "BF16": torch.bfloat16}
    eight = {
        "F8_E4M3": torch.float8_e4m3fn,
        "F8_E5M2": torch.float8_e5m2,
        "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
        "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
        "F8_E8M0": torch.float8_e8m0fnu,
    }
    encoded = {**{name: (dtype, 2) for name, dtype in sixteen.items()}, "F8_E4M3": (eight["F8_E4M3"], 1), "F8_E5M2": (eight["F8_E5M2"], 1)}
    return {
        "torch": torch.__version__,
        "decode": {
            **{name: decode_digest(dtype, 2) for name, dtype in sixteen.items()},
            **{name: decode_digest(dtype, 1) for name, dtype in eight.items()},
        },
        "encode": {name: encode_digests(*spec) for name, spec in encoded.items()},
    }


def reference_file() -> bytes:
    torch.manual_seed(0)
    tensors = {
        "z.f32": torch.randn(3, 5),
        "a.f32": torch.randn(2),
        "f64": torch.randn(2, 2, dtype=torch.float64),
        "f16": torch.randn(5).half(),
        "bf16": torch.randn(3).bfloat16(),
        "f8_e4m3": torch.randn(3).to(torch.float8_e4m3fn),
        "f8_e5m2": torch.randn(5).to(torch.float8_e5m2),
        "i64": torch.arange(3),
        "i32": torch.arange(3, dtype=torch.int32),
        "i16": torch.arange(3, dtype=torch.int16),
        "i8": torch.arange(3, dtype=torch.int8),
        "u8": torch.arange(3, dtype=torch.uint8),
        "u16": torch.arange(3, dtype=torch.int32).to(torch.uint16),
        "u32": torch.arange(3, dtype=torch.int32).to(torch.uint32),
        "u64": torch.arange(3).to(torch.uint64),
        "bool": torch.tensor([True, False]),
        "c64": torch.randn(2, dtype=torch.complex64),
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 4),
        "ünïcode \"quoted\"": torch.ones(1),
    }
    return save(tensors, {"format": "pt"})


def file_of(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(start: int, end: int, shape: list | None = None, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": [(end - start) // 4] if shape is None else shape, "data_offsets": [start, end]}


def malformed() -> list:
    cases = {
        "empty file": b"",
        "seven bytes": b"\0" * 7,
        "header longer than the limit": file_of("{}", length=100_000_001),
        "header of 2^63 bytes": file_of("{}", length=2**63),
        "header longer than the file": file_of("{}", length=3),
        "header is not UTF-8": file_of(b'{"\xff": 1}'),
        "header starts with a space": file_of(" {}"),
        "header starts with a bracket": file_of("[]"),
        "header is empty": file_of(""),
        "header is cut off": file_of('{"a":'),
        "header with a trailing comma": file_of('{"__metadata__":{"a":"b"},}'),
        "metadata is a list": file_of({"__metadata__": ["a"]}),
        "metadata value is a number": file_of({"__metadata__": {"a": 1}}),
        "tensor is null": file_of({"a": None}),
        "tensor without shape": file_of({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, b"\0" * 4),
        "unknown dtype": file_of({"a": tensor(0, 4, dtype="F128")}, b"\0" * 4),
        "negative size": file_of({"a": tensor(0, 4, [-1])}, b"\0" * 4),
        "fractional size": file_of({"a": tensor(0, 4, [1.5])}, b"\0" * 4),
        "three offsets": file_of({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}, b"\0" * 8),
        "offsets run backwards": file_of({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, b"\0" * 4),
        "shape and offsets disagree": file_of({"a": tensor(0, 4, [2])}, b"\0" * 4),
        "overlap": file_of({"a": tensor(0, 8), "b": tensor(4, 12)}, b"\0" * 12),
        "hole at the start": file_of({"a": tensor(4, 8)}, b"\0" * 8),
        "hole between": file_of({"a": tensor(0, 4), "b": tensor(8, 12)}, b"\0" * 12),
        "bytes left over": file_of({"a": tensor(0, 4)}, b"\0" * 5),
        "data cut off": file_of({"a": tensor(0, 8)}, b"\0" * 7),
        "no tensors, bytes left over": file_of({}, b"\0"),
        "offset past 2^53": file_of({"a": {"dtype": "F32", "shape": [1], "data_offsets": [2**60, 2**60 + 4]}}, b"\0" * 4),
        "shape overflows": file_of({"a": tensor(0, 4, [2**40, 2**40])}, b"\0" * 4),
        "shape overflows before a zero": file_of({"a": {"dtype": "F32", "shape": [2**62, 2**62, 0], "data_offsets": [0, 0]}}),
        "half a byte": file_of({"a": tensor(0, 1, [1], "F4")}, b"\0"),
    }
    result = []
    for name, data in cases.items():
        try:
            safetensors.deserialize(data)
            error = None
        except safetensors.SafetensorError as exception:
            error = str(exception)
        result.append({"name": name, "file": base64.b64encode(data).decode(), "referenceError": error})
    return result


def main() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    (FIXTURES / "conversions.json").write_text(json.dumps(conversions(), indent=2) + "\n")
    (FIXTURES / "reference.safetensors").write_bytes(reference_file())
    (FIXTURES / "malformed.json").write_text(json.dumps(malformed(), indent=1) + "\n")


main()
