"""The prefix-causal transformer over video tokens (VideoPoet, arXiv 2312.14125, section 3), as docs/BUNDLE.md fixes it.

Shapes: `B` rows, `P` prefix length, `N` output positions, `K` embedding rows summed per position, `S = P + N`,
`H` heads, `Kv` key-value heads, `hd` head dimension, `d` width.
"""

from dataclasses import asdict, dataclass, field
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROTARY_BASE = 10_000.0
NORM_EPSILON = 1e-6
SPECIAL_ROWS = {"bos": 0, "eos": 1, "bot": 2, "eot": 3, "bov": 4}
TASK_ROWS = {"TEXT_TO_IMAGE": 16, "TEXT_TO_VIDEO": 17}
TEXT_START = 64
# Backward offsets (dt, dy, dx) whose tokens are part of a position's input.
CONTEXTS = (
    (0, 0, -1),
    (0, -1, 0),
    (0, -1, 1),
    (0, -1, -1),
    (-1, 0, 0),
    (-1, -1, 0),
    (-1, 1, 0),
    (-1, 0, -1),
    (-1, 0, 1),
    (-2, 0, 0),
)


@dataclass(frozen=True)
class LanguageModelConfig:
    """Sizes of the model and the layout of its one embedding table."""

    layers: int = 8
    width: int = 256
    heads: int = 8
    kv_heads: int = 2
    head_dim: int = 32
    mlp_width: int = 704
    head_width: int = 512
    grid: tuple[int, int, int] = (5, 8, 8)
    sub_codebooks: tuple[int, int] = (512, 125)
    text_size: int = 1024
    max_text: int = 48
    contexts: tuple[tuple[int, int, int], ...] = field(default=CONTEXTS)

    @property
    def positions(self) -> int:
        """Output positions of a full clip."""
        return self.grid[0] * self.grid[1] * self.grid[2]

    @property
    def max_length(self) -> int:
        """Cache length: `<bos> <task> <bot> text <eot> <bov>` and the clip, rounded up to 64."""
        return -(-(5 + self.max_text + self.positions) // 64) * 64

    @property
    def output_size(self) -> int:
        """Sub-token `a` and one special entry (`eos`), which the present tasks never produce."""
        return self.sub_codebooks[0] + 1

    @property
    def position_starts(self) -> tuple[int, int, int]:
        start = TEXT_START + self.text_size
        return start, start + self.grid[0], start + self.grid[0] + self.grid[1]

    @property
    def context_starts(self) -> list[tuple[int, int]]:
        """First row of sub-token `a` and of `b` per context; the null row follows each codebook."""
        start = TEXT_START + self.text_size + sum(self.grid)
        first, second = (size + 1 for size in self.sub_codebooks)
        return [(start + i * (first + second), start + i * (first + second) + first) for i in range(len(self.contexts))]

    @property
    def rows(self) -> int:
        return self.context_starts[-1][1] + self.sub_codebooks[1] + 1

    @property
    def rows_per_position(self) -> int:
        return 3 + 2 * len(self.contexts)

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "LanguageModelConfig":
        values = dict(values)
        for name in ("grid", "sub_codebooks"):
            values[name] = tuple(values[name])
        values["contexts"] = tuple(tuple(offset) for offset in values["contexts"])
        return cls(**values)


PRESETS = {
    "tiny": LanguageModelConfig(
        layers=2,
        width=64,
        heads=4,
        kv_heads=2,
        head_dim=16,
        mlp_width=128,
        head_width=64,
        grid=(5, 4, 4),
        text_size=320,
        max_text=32,
        contexts=((0, 0, -1), (0, -1, 1), (-1, 0, 0), (-1, 1, 0)),
    ),
    "small": LanguageModelConfig(),
    "base": LanguageModelConfig(layers=16, width=512, heads=16, kv_heads=4, mlp_width=1408, head_width=1024),
}


def prefix_rows(config: LanguageModelConfig, task: str, text_ids: list[int] | None) -> list[int]:
    """Row ids `<bos> <task> <bot> text... <eot> <bov>`; `None` or empty text is the unconditional prefix."""
    text = [TEXT_START + index for index in (text_ids or [])[: config.max_text]]
    return [
        SPECIAL_ROWS["bos"],
        TASK_ROWS[task],
        SPECIAL_ROWS["bot"],
        *text,
        SPECIAL_ROWS["eot"],
        SPECIAL_ROWS["bov"],
    ]


@cache
def neighbours(config: LanguageModelConfig) -> tuple[Tensor, Tensor]:
    """Position rows int64 `[positions, 3]` and, per context, the index of the neighbour `[positions, contexts]`.

    A neighbour outside the grid has the index `-1`. In raster order the first latent frames of a clip are the first
    rows of both tables, so they serve images and shorter clips too.
    """
    frames, height, width = config.grid
    axes = torch.meshgrid(torch.arange(frames), torch.arange(height), torch.arange(width), indexing="ij")
    t, y, x = (axis.reshape(-1) for axis in axes)
    rows = torch.stack([start + axis for start, axis in zip(config.position_starts, (t, y, x), strict=True)], dim=1)
    columns = []
    for dt, dy, dx in config.contexts:
        ts, ys, xs = t + dt, y + dy, x + dx
        inside = (ts >= 0) & (ys >= 0) & (ys < height) & (xs >= 0) & (xs < width)
        columns.append(torch.where(inside, (ts * height + ys) * width + xs, -1))
    return rows, torch.stack(columns, dim=1)


def output_rows(config: LanguageModelConfig, codes: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
    """Embedding rows of the output positions `start` to `stop` of a clip: int64 `[B, stop - start, K]`.

    `codes` int64 `[B, N, 2]` in raster order. Position `i` reads only tokens before `i`; later ones may hold anything.
    """
    stop = codes.shape[1] if stop is None else stop
    position, index = (table[start:stop] for table in neighbours(config))
    values = []
    for sub, null in enumerate(config.sub_codebooks):
        padded = F.pad(codes[:, :, sub], (0, 1), value=null)  # index -1 finds the null value
        values.append(padded[:, index])
    contexts = torch.stack(values, dim=-1) + torch.tensor(config.context_starts)  # [B, n, contexts, 2]
    return torch.cat((position.expand(codes.shape[0], -1, -1), contexts.flatten(2)), dim=-1)


def rotary_tables(length: int, head_dim: int) -> tuple[Tensor, Tensor]:
    """`cos`, `sin` float32 `[length, hd / 2]` of the half-split rotary form (arXiv 2104.09864)."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return angles.cos().float(), angles.sin().float()


def rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates `[B, heads, S, hd]` by tables `[S, hd / 2]`."""
    first, second = states.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def prefix_causal_mask(prefix_valid: Tensor, outputs: int) -> Tensor:
    """Bool `[B, 1, S, S]`, True where query (row) may read key (column). `prefix_valid` bool `[B, P]`."""
    batch, prefix = prefix_valid.shape
    total = prefix + outputs
    causal = torch.ones(total, total, dtype=torch.bool).tril()
    causal[:prefix] = False
    causal[:, :prefix] = True
    key_valid = torch.cat((prefix_valid, torch.ones(batch, outputs, dtype=torch.bool)), dim=1)
    return (causal & key_valid[:, None, :])[:, None]


class KeyValueCache:
    """Keys (already rotated) and values of every layer, `[B, Kv, M, hd]`; `length` entries of each are filled."""

    def __init__(self, config: LanguageModelConfig, batch: int, dtype: torch.dtype = torch.float32):
        shape = (config.layers, batch, config.kv_heads, config.max_length, config.head_dim)
        self.keys = torch.zeros(shape, dtype=dtype)
        self.values = torch.zeros(shape, dtype=dtype)
        self.length = 0


class Block(nn.Module):
    """Pre-norm attention (packed qkv, grouped heads) and SwiGLU (packed gate|up); no biases."""

    def __init__(self, config: LanguageModelConfig):
        super().__init__()
        self.config = config
        heads = config.heads * config.head_dim
        self.attention_norm = nn.RMSNorm(config.width, eps=NORM_EPSILON)
        self.qkv = nn.Linear(config.width, heads + 2 * config.kv_heads * config.head_dim, bias=False)
        self.out = nn.Linear(heads, config.width, bias=False)
        self.mlp_norm = nn.RMSNorm(config.width, eps=NORM_EPSILON)
        self.gate_up = nn.Linear(config.width, 2 * config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x, cos, sin, mask, layer: int = 0, cache: KeyValueCache | None = None) -> Tensor:
        """`x` `[B, S, d]`, tables `[S, hd/2]`, bool or additive mask `[B or 1, 1, S, keys]`. Appends to `cache`."""
        config = self.config
        batch, length, _ = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(batch, length, -1, config.head_dim).transpose(1, 2)
        query, key, value = qkv.split((config.heads, config.kv_heads, config.kv_heads), dim=1)
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        if cache is not None:
            end = cache.length + length
            cache.keys[layer, :, :, cache.length : end] = key
            cache.values[layer, :, :, cache.length : end] = value
            key, value = cache.keys[layer, :, :, :end], cache.values[layer, :, :, :end]
        repeats = config.heads // config.kv_heads
        if length == 1:  # one query: the heads that share a key take its place in the sequence, and nothing is copied
            query = query.reshape(batch, config.kv_heads, repeats, config.head_dim)
        else:
            key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
        attended = F.scaled_dot_product_attention(query, key.to(query.dtype), value.to(query.dtype), attn_mask=mask)
        attended = attended.reshape(batch, config.heads, length, config.head_dim)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, -1))
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class LanguageModel(nn.Module):
    """Predicts sub-token `a` of each output position from `hidden`, then `b` from `hidden` and `a`."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: LanguageModelConfig):
        super().__init__()
        self.config = config
        self.table = nn.Parameter(torch.empty(config.rows, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=NORM_EPSILON)
        self.head_a = nn.Linear(config.width, config.output_size, bias=False)
        self.embedding_of_a = nn.Parameter(torch.empty(config.sub_codebooks[0], config.width))
        self.head_b_in = nn.Linear(config.width, config.head_width, bias=False)
        self.head_b_out = nn.Linear(config.head_width, config.sub_codebooks[1], bias=False)
        cos, sin = rotary_tables(config.max_length, config.head_dim)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        config = self.config
        nn.init.normal_(self.table, std=config.rows_per_position**-0.5)
        nn.init.normal_(self.embedding_of_a, std=1.0)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2 and name not in ("table", "embedding_of_a"):
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
                if name.endswith(("out.weight", "down.weight")) and name.startswith("blocks"):
                    parameter.data *= (2 * config.layers) ** -0.5
        nn.init.zeros_(self.head_a.weight)
        nn.init.zeros_(self.head_b_out.weight)

    def embed(self, rows: Tensor) -> Tensor:
        """Sum of table rows: int64 `[..., K]` -> `[..., d]`."""
        summed = F.embedding_bag(rows.reshape(-1, rows.shape[-1]), self.table, mode="sum")
        return summed.view(*rows.shape[:-1], -1)

    def forward(self, prefix: Tensor, prefix_valid: Tensor, outputs: Tensor) -> Tensor:
        """Teacher forcing: `prefix` int64 `[B, P]` (padding on the left, where `prefix_valid` is False; rotary
        attention only sees differences of positions), `outputs` int64 `[B, N, K]` -> hidden `[B, N, d]`."""
        x = torch.cat((F.embedding(prefix, self.table), self.embed(outputs)), dim=1)
        length = x.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        mask = torch.zeros(prefix.shape[0], 1, length, length, dtype=torch.float32)
        mask.masked_fill_(~prefix_causal_mask(prefix_valid, outputs.shape[1]), float("-inf"))
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            mask, cos, sin = mask.to(dtype), cos.to(dtype), sin.to(dtype)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return self.norm(x[:, prefix.shape[1] :])

    def prefill(self, prefix: Tensor, prefix_valid: Tensor, cache: KeyValueCache) -> None:
        """Fills the cache with the prefix `[B, P]` (left-padded); nothing is predicted from it."""
        x = F.embedding(prefix, self.table)
        length = prefix.shape[1]
        mask = prefix_causal_mask(prefix_valid, 0)
        for layer, block in enumerate(self.blocks):
            x = block(x, self.cos[:length], self.sin[:length], mask, layer, cache)
        cache.length = length

    def step(self, rows: Tensor, key_valid: Tensor, cache: KeyValueCache) -> Tensor:
        """One output position per row: int64 `[B, K]`, `key_valid` bool `[B, cache.length + 1]` -> hidden `[B, d]`."""
        x = self.embed(rows)[:, None]
        cos, sin = (table[cache.length : cache.length + 1] for table in (self.cos, self.sin))
        for layer, block in enumerate(self.blocks):
            x = block(x, cos, sin, key_valid[:, None, None, :], layer, cache)
        cache.length += 1
        return self.norm(x[:, 0])

    def logits_a(self, hidden: Tensor) -> Tensor:
        """`[..., d]` -> `[..., V]`."""
        return self.head_a(hidden)

    def logits_b(self, hidden: Tensor, a: Tensor) -> Tensor:
        """`[..., d]` and the chosen `a` `[...]` -> `[..., 125]`."""
        return self.head_b_out(F.silu(self.head_b_in(hidden + F.embedding(a, self.embedding_of_a))))
