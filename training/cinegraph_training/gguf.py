"""A Llama of given shape as a GGUF file: what bench/ gives to llama.cpp. Random weights only."""

import struct
from pathlib import Path

import numpy as np

VERSION = 3
ALIGNMENT = 32
UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9  # types of metadata values
TENSOR_TYPES = {"f32": 0, "q4_0": 2, "q8_0": 8}
BLOCK = 32  # inputs that share a scale


def quantised(values: np.ndarray, form: str) -> bytes:
    """`values` `[out, in]`, rows in blocks of 32: a float16 scale, then 32 int8 or 16 bytes of two numbers each."""
    if form == "f32":
        return values.astype("<f4").tobytes()
    blocks = values.reshape(-1, BLOCK).astype(np.float32)
    limit = 127 if form == "q8_0" else 7
    scales = np.abs(blocks).max(1, keepdims=True) / limit
    numbers = np.round(blocks / np.where(scales == 0, 1, scales)).astype(np.int8)
    if form == "q4_0":
        shifted = (numbers + 8).astype(np.uint8)
        numbers = shifted[:, : BLOCK // 2] | (shifted[:, BLOCK // 2 :] << 4)
    return np.concatenate((scales.astype("<f2").view(np.uint8), numbers.view(np.uint8)), axis=1).tobytes()


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _value(value: int | float | str | list) -> tuple[int, bytes]:
    match value:
        case str():
            return STRING, _text(value)
        case float():
            return FLOAT32, struct.pack("<f", value)
        case int():
            return UINT32, struct.pack("<I", value)
        case list():  # llama.cpp reads arrays of signed integers only
            kind = INT32 if isinstance(value[0], int) else _value(value[0])[0]
            return ARRAY, struct.pack("<IQ", kind, len(value)) + b"".join(_value(entry)[1] for entry in value)


def _metadata(values: dict[str, int | float | str | list]) -> bytes:
    encoded = ((_text(key), *_value(value)) for key, value in values.items())
    return b"".join(key + struct.pack("<I", kind) + content for key, kind, content in encoded)


def vocabulary(size: int) -> dict[str, str | list]:
    """Metadata of a vocabulary of `size` tokens that mean nothing: llama.cpp wants one, and bytes in it."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [2, 3, 3, *[6] * 256]
    rest = size - len(names)
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": names + [f"t{index}" for index in range(rest)],
        "tokenizer.ggml.scores": [0.0] * size,
        "tokenizer.ggml.token_type": kinds + [1] * rest,
    }


def write_gguf(path: Path, metadata: dict, tensors: dict[str, np.ndarray], form: str) -> None:
    """Vectors stay float32, matrices `[out, in]` take `form`: f32, q8_0 or q4_0."""
    described, content = [], bytearray()
    for name, values in tensors.items():
        kind = "f32" if values.ndim == 1 else form
        sizes = values.shape[::-1]
        described.append(
            _text(name)
            + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
            + struct.pack("<IQ", TENSOR_TYPES[kind], len(content))
        )
        content.extend(quantised(values, kind))
        content.extend(b"\0" * (-len(content) % ALIGNMENT))
    head = b"GGUF" + struct.pack("<IQQ", VERSION, len(tensors), len(metadata)) + _metadata(metadata)
    head += b"".join(described)
    path.write_bytes(head + b"\0" * (-len(head) % ALIGNMENT) + bytes(content))
