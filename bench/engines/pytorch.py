"""PyTorch for bench/engine-table.ts: the same blocks with a static cache, in float32 or with int8 matrices (dynamic).
Also the bandwidth of the machine. Lines of JSON in, lines of JSON out.

    python bench/engines/pytorch.py <folder> <fp32 | int8 | bandwidth> <threads> <cache entries> <clock>
"""

import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, shape: dict):
        super().__init__()
        self.shape = shape
        width, size = shape["width"], shape["head_dim"]
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(2))
        self.qkv = nn.Linear(width, (shape["heads"] + 2 * shape["kv_heads"]) * size, bias=False)
        self.out = nn.Linear(shape["heads"] * size, width, bias=False)
        self.gate_up = nn.Linear(width, 2 * shape["mlp_width"], bias=False)
        self.down = nn.Linear(shape["mlp_width"], width, bias=False)

    def forward(self, x, keys, values, at: int, cos, sin):
        """`x` `[B, 1, d]`, caches `[B, Kv, M, hd]`."""
        heads, groups, size = self.shape["heads"], self.shape["kv_heads"], self.shape["head_dim"]
        qkv = self.qkv(self.norms[0](x)).view(len(x), 1, -1, size).transpose(1, 2)
        query, key, value = qkv.split((heads, groups, groups), dim=1)
        query, key = (
            torch.cat((a * cos - b * sin, b * cos + a * sin), -1) for a, b in (query.chunk(2, -1), key.chunk(2, -1))
        )
        keys[:, :, at], values[:, :, at] = key[:, :, 0], value[:, :, 0]
        found = F.scaled_dot_product_attention(
            query, keys[:, :, : at + 1], values[:, :, : at + 1], enable_gqa=groups != heads
        )
        x = x + self.out(found.transpose(1, 2).reshape(len(x), 1, -1))
        gate, up = self.gate_up(self.norms[1](x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, shape: dict):
        super().__init__()
        self.table = nn.Embedding(shape["output_size"], shape["width"])
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape["layers"]))
        self.norm = nn.RMSNorm(shape["width"])
        self.head = nn.Linear(shape["width"], shape["output_size"], bias=False)

    def forward(self, ids, caches, at: int, cos, sin):
        x = self.table(ids)
        for block, (keys, values) in zip(self.blocks, caches, strict=True):
            x = block(x, keys, values, at, cos, sin)
        return self.head(self.norm(x))


def model_steps(shape: dict, form: str, entries: int):
    model = Model(shape).eval()
    if form == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    half = shape["head_dim"] // 2
    cos, sin = torch.rand(2, 1, 1, 1, half)

    def prepare(batch: int):
        size = (batch, shape["kv_heads"], shape["max_length"], shape["head_dim"])
        caches = [(torch.full(size, 0.01), torch.full(size, 0.01)) for _ in range(shape["layers"])]
        ids = torch.full((batch, 1), 7)
        return lambda step: model(ids, caches, entries + step, cos, sin)

    return prepare


def bandwidth_steps(batch: int):
    """Reads `batch` MB once a step."""
    values = torch.ones(batch * 250_000)
    return lambda step: values.sum()


@torch.inference_mode()
def main() -> None:
    folder, form, threads, entries, clock = sys.argv[1:6]
    torch.set_num_threads(int(threads))
    shape = json.loads((Path(folder) / "shape.json").read_text(encoding="utf-8"))
    prepare = bandwidth_steps if form == "bandwidth" else model_steps(shape, form, int(entries))
    now = time.process_time if clock == "cpu" else time.perf_counter
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        step, times = prepare(request["B"]), []
        for index in range(request["steps"]):
            at = now()
            step(index)
            times.append((now() - at) * 1e3)
        print(json.dumps({"ms": times}), flush=True)


if __name__ == "__main__":
    main()
