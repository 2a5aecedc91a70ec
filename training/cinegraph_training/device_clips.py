"""Clips on the device that trains: their codes, scenes and texts in rings that are renewed while they are read.

Shapes: `N` places, codes int64 `[N, 320]` (`a * entries + b`, raster order), scenes int64 `[N, columns]`, texts int16
`[N, len(TEXTS), PIECES]`; control videos stand in a ring of their own, `[M, 320]`, with the place of their clip.
"""

import torch
from torch import Tensor

from .attributes import COLUMNS
from .render_farm import CLIPS, CONTROLS, PIECES, POSITIONS, TEXTS, CodeFarm


class DeviceClips:
    """The rings, and what fills them."""

    def __init__(self, places: int, device: torch.device):
        self.device, self.places = device, places
        self.codes = torch.zeros(places, POSITIONS, dtype=torch.int64, device=device)
        self.scenes = torch.zeros(places, len(COLUMNS), dtype=torch.int64, device=device)
        self.texts = torch.full((places, len(TEXTS), PIECES), -1, dtype=torch.int16, device=device)
        self.tells_all = torch.zeros(places, dtype=torch.bool, device=device)
        self.controls = torch.zeros(places * CONTROLS // CLIPS, POSITIONS, dtype=torch.int64, device=device)
        self.control_of = torch.zeros(len(self.controls), dtype=torch.int64, device=device)
        self.filled = 0  # clips ever taken
        self.count = torch.zeros((), dtype=torch.int64, device=device)  # `len`, where recorded work reads it

    def __len__(self) -> int:
        return min(self.filled, self.places)

    def fill(self, farm: CodeFarm, slots: int, wait: bool) -> None:
        """Takes at most `slots` slots of the farm (all of them, with `wait`)."""
        for _ in range(slots):
            index = farm.take(wait)
            if index is None:
                return
            slot = farm.slots[index]
            first = self.filled % self.places
            here = slice(first, first + CLIPS)
            number = first * CONTROLS // CLIPS
            controls = slice(number, number + CONTROLS)
            self.codes[here] = torch.from_numpy(slot.codes).to(self.device).long()
            self.controls[controls] = torch.from_numpy(slot.controls).to(self.device).long()
            self.control_of[controls] = torch.arange(first, first + CONTROLS, device=self.device)
            self.scenes[here] = torch.from_numpy(slot.scenes).to(self.device).long()
            self.texts[here] = torch.from_numpy(slot.texts).to(self.device)
            self.tells_all[here] = torch.from_numpy(slot.tells_all).to(self.device).bool()
            farm.give_back(index)
            self.filled += CLIPS
            self.count.fill_(len(self))

    def draw(self, count: int) -> Tensor:
        """Places of `count` random clips."""
        return (torch.rand(count, dtype=torch.float64, device=self.device) * self.count).long()

    def draw_controls(self, count: int) -> Tensor:
        """Numbers of `count` random control videos."""
        numbers = self.count * CONTROLS // CLIPS
        return (torch.rand(count, dtype=torch.float64, device=self.device) * numbers).long()
