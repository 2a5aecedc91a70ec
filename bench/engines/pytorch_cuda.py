"""PyTorch on CUDA for bench/gpu.ts: decode steps of the blocks of pytorch.py with the cache on the device, step by step
and recorded as a CUDA graph. One line of JSON with the medians, ms by batch.

    python bench/engines/pytorch_cuda.py <folder> <fp32 | fp16> <plain | recorded> <cache entries> <steps> <batches>
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
from pytorch import Model

WARM_STEPS = 3


@torch.inference_mode()
def main() -> None:
    folder, form, way, entries, steps, batches = sys.argv[1:7]
    shape = json.loads((Path(folder) / "shape.json").read_text(encoding="utf-8"))
    device, dtype, at = torch.device("cuda"), torch.float16 if form == "fp16" else torch.float32, int(entries)
    model = Model(shape).eval().to(device, dtype)
    cos, sin = torch.rand(2, 1, 1, 1, shape["head_dim"] // 2, device=device, dtype=dtype)
    medians = []
    for batch in map(int, batches.split(",")):
        size = (batch, shape["kv_heads"], shape["max_length"], shape["head_dim"])
        caches = [
            tuple(torch.full(size, 0.01, device=device, dtype=dtype) for _ in "kv") for _ in range(shape["layers"])
        ]
        ids = torch.full((batch, 1), 7, device=device)

        def step(ids=ids, caches=caches):
            return model(ids, caches, at, cos, sin)

        for _ in range(WARM_STEPS):
            step()
        run = step
        if way == "recorded":
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                logits = step()

            def run(graph=graph, logits=logits):
                graph.replay()
                return logits

        times = []
        for _ in range(int(steps)):
            started = time.perf_counter()
            run().float().cpu()  # logits, as the sampler needs them
            times.append((time.perf_counter() - started) * 1e3)
        medians.append(statistics.median(times))
    print(json.dumps({"ms": medians}))


if __name__ == "__main__":
    main()
