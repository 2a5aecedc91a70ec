"""Muon (Keller Jordan, 2024): momentum whose update is orthogonalised, for the matrices of the transformer's blocks."""

import torch
from torch import Tensor

# Quintic Newton-Schulz coefficients from https://kellerjordan.github.io/posts/muon/.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(gradients: Tensor, steps: int = 5, dtype: torch.dtype = torch.float32) -> Tensor:
    """Nearly the nearest semi-orthogonal matrix of each of `[n, rows, columns]` (singular values about 0.7 to 1.2).
    bfloat16 is enough, and faster where the processor has it."""
    tall = gradients.shape[1] > gradients.shape[2]
    x = gradients.transpose(1, 2) if tall else gradients
    x = (x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)).to(dtype)
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        square = torch.bmm(x, x.transpose(1, 2))
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return (x.transpose(1, 2) if tall else x).to(gradients.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; matrices of one shape are handled together. Mutates its parameters."""

    def __init__(
        self,
        parameters,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ):
        self.dtype = dtype
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            shapes: dict[tuple, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes.setdefault(tuple(parameter.shape), []).append(parameter)
            for (rows, columns), parameters in shapes.items():
                momenta = torch.stack([self._momentum(p, group["momentum"]) for p in parameters])
                updates = orthogonalise(momenta, dtype=self.dtype)
                scale = group["lr"] * max(1.0, rows / columns) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-scale)

    def _momentum(self, parameter: Tensor, momentum: float) -> Tensor:
        assert parameter.grad is not None
        state = self.state[parameter]
        if "buffer" not in state:
            state["buffer"] = torch.zeros_like(parameter)
        state["buffer"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["buffer"], momentum)
