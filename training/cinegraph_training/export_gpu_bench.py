"""Decode graphs of given shape with random weights for bench/gpu.ts: those of export_bench.py, without other engines'
files.

    python -m cinegraph_training.export_gpu_bench --shapes 8M,25M,110M --out /tmp/cinegraph-gpu-bench
"""

import argparse
import json
from pathlib import Path

from .export_bench import random_parameters, shape_of, write_decode_graphs


def main() -> None:
    parser = argparse.ArgumentParser(description="Random decode graphs for bench/gpu.ts.")
    parser.add_argument("--shapes", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for name in options.shapes.split(","):
        folder = options.out / name
        if (folder / "shape.json").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        config = shape_of(name)
        parameters = random_parameters(config)
        write_decode_graphs(folder, config, parameters)
        facts = {
            key: getattr(config, key)
            for key in ("layers", "width", "heads", "kv_heads", "head_dim", "mlp_width", "max_length", "output_size")
        }
        facts["matrices"] = sum(value.size for key, value in parameters.items() if value.ndim == 2 and key != "table")
        (folder / "shape.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        print(f"{name}: {facts['matrices'] / 1e6:.1f} M weights", flush=True)


if __name__ == "__main__":
    main()
