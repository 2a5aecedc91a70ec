"""Work on a GPU recorded once and played back (CUDA graphs): thousands of small kernels start faster so than one by
one, above all on a processor that renders meanwhile. What is recorded must have fixed shapes and never ask the
device."""

from collections.abc import Callable

import torch

WARM_UPS = 3  # plain runs before, so that everything is there that stays


def record(work: Callable[[], None], before: Callable[[], None], pool=None) -> torch.cuda.CUDAGraph:
    """Runs the work a few times, then records it; `before` comes ahead of every one of these."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            before()
            work()
    torch.cuda.current_stream().wait_stream(side)
    before()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        work()
    return graph
