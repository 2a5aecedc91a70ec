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
                updates = orthogonalise(torch.stack(self._momenta(parameters, group["momentum"])), dtype=self.dtype)
                scale = group["lr"] * max(1.0, rows / columns) ** 0.5
                if group["weight_decay"]:
                    torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(parameters, list(updates.unbind()), alpha=-scale)

    def _momenta(self, parameters: list[Tensor], momentum: float) -> list[Tensor]:
        """Nesterov momentum of each."""
        for parameter in parameters:
            if "buffer" not in self.state[parameter]:
                self.state[parameter]["buffer"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        buffers = [self.state[parameter]["buffer"] for parameter in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        return list(torch._foreach_lerp(gradients, buffers, momentum))


def remember_rates(optimizers: list[torch.optim.Optimizer]) -> None:
    """Each group's full learning rate becomes its `base_lr`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]


def keep_rates_on(optimizers: list[torch.optim.Optimizer], device: torch.device) -> None:
    """Rates become tensors of the device, so that a recorded step reads those of its time."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=device)


def set_rates(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Every group learns at that share of its full rate. A rate that is a tensor is written, not replaced."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if torch.is_tensor(group["lr"]):
                group["lr"].fill_(group["base_lr"] * share)
            else:
                group["lr"] = group["base_lr"] * share
