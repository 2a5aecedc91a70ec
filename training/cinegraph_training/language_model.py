"""The prefix-causal transformer over video tokens (VideoPoet, arXiv 2312.14125, section 3), as docs/BUNDLE.md fixes it.

Codes are known by what they look like: every code has a content vector (its entry in the video tokenizer's PCA space),
through which the model both reads its surroundings and chooses sub-token `b`. So an edge over one colour tells it
something about the same edge over another, which bare numbers would not.

Shapes: `B` rows, `P` prefix length, `N` output positions, `C` contexts, `S = P + N`, `H` heads, `Kv` key-value heads,
`hd` head dimension, `d` width, `D` content dimensions, `A` and `F` the sizes of the two sub-codebooks.
"""

from dataclasses import asdict, dataclass, field
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROTARY_BASE = 10_000.0
NORM_EPSILON = 1e-6
SPECIAL_ROWS = {
    "bos": 0,
    "eos": 1,
    "bot": 2,
    "eot": 3,
    "bov": 4,
    "none": 5,  # zeros: fills the columns that a token does not use
    "bov_i": 6,
    "eov_i": 7,
    "boa_i": 8,
    "eoa_i": 9,
    "boa": 10,
    "bot_o": 11,
}
NONE = SPECIAL_ROWS["none"]
# A continued picture is a clip whose first latent frame is given. A window of a longer clip is told apart, since its
# first latent frame covers four frames; so is a clip of which parts are given by the condition grid, and one whose
# condition grid holds a control video (control.py) instead.
TASK_ROWS = {
    "TEXT_TO_IMAGE": 16,
    "TEXT_TO_VIDEO": 17,
    "IMAGE_TO_VIDEO": 17,
    "INPAINT_VIDEO": 18,
    "OUTPAINT_VIDEO": 18,
    "STYLIZE_VIDEO": 19,
    "EXTEND_VIDEO": 20,
    "EDIT_VIDEO": 20,
    "TEXT_TO_AUDIO": 21,
    "VIDEO_TO_AUDIO": 22,
    "AUDIO_TO_VIDEO": 23,
    "VIDEO_TO_TEXT": 24,
    "AUDIO_TO_TEXT": 25,
}
# The last token of the prefix says what comes out: video (`bov`) where nothing else is named.
OPENERS = {"TEXT_TO_AUDIO": "boa", "VIDEO_TO_AUDIO": "boa", "VIDEO_TO_TEXT": "bot_o", "AUDIO_TO_TEXT": "bot_o"}
TEXT_START = 64
# Offsets (dt, dy, dx) whose codes are part of a position's input: backwards into the clip so far ...
OUTPUT_CONTEXTS = (
    (0, 0, -1),
    (0, -1, 0),
    (0, -1, 1),
    (0, -1, -1),
    (-1, 0, 0),
    (-1, -1, 0),
    (-1, 1, 0),
    (-1, 0, -1),
    (-1, 0, 1),
    (-1, -1, -1),
    (-1, -1, 1),
    (-1, 1, -1),
    (-1, 1, 1),
    (-2, 0, 0),
)
# ... and anywhere in the condition grid.
CONDITION_CONTEXTS = ((0, 0, 0), (0, 0, 1), (0, 1, -1), (0, 1, 0), (0, 1, 1), (1, 0, 0))
# The sound so far, as (frames back, level): the present frame's coarser levels, and the frames before.
AUDIO_CONTEXTS = (
    *((0, level) for level in range(4)),
    *((-1, level) for level in range(4)),
    (-2, 0),
    (-3, 0),
    (-4, 0),
    (-5, 0),
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
    input_width: int = 384
    look_layers: tuple[int, ...] = (2, 5)
    look_width: int = 384
    head_width: int = 512
    grid: tuple[int, int, int] = (5, 8, 8)
    sub_codebooks: tuple[int, int] = (512, 125)
    content_dimensions: int = 64
    text_size: int = 1024
    max_text: int = 48
    output_contexts: tuple[tuple[int, int, int], ...] = field(default=OUTPUT_CONTEXTS)
    condition_contexts: tuple[tuple[int, int, int], ...] = field(default=CONDITION_CONTEXTS)
    audio_frames: int = 53
    audio_levels: int = 4
    audio_size: int = 1024
    audio_dimensions: int = 32
    audio_width: int = 256
    audio_contexts: tuple[tuple[int, int], ...] = field(default=AUDIO_CONTEXTS)

    @property
    def positions(self) -> int:
        """Output positions of a full clip."""
        return self.grid[0] * self.grid[1] * self.grid[2]

    @property
    def max_length(self) -> int:
        """Cache length of the longest task, rounded up to 64: `<bos> <task> <bot> text <eot> <bov_i> clip <eov_i>
        <boa>` and its sound."""
        return -(-(7 + self.max_text + self.positions + self.audio_positions) // 64) * 64

    @property
    def audio_positions(self) -> int:
        """Output positions of the sound of a full clip."""
        return self.audio_frames * self.audio_levels

    @property
    def null_sound(self) -> int:
        """The id of an audio code that is not there; the others are `level * audio_size + code`."""
        return self.audio_levels * self.audio_size

    @property
    def output_size(self) -> int:
        """Sub-token `a` and one special entry (`eos`), which the present tasks never produce."""
        return self.sub_codebooks[0] + 1

    @property
    def null_code(self) -> int:
        """The code of a place outside of the grid, not yet there, or not given."""
        return self.sub_codebooks[0] * self.sub_codebooks[1]

    @property
    def position_starts(self) -> tuple[int, int, int]:
        start = TEXT_START + self.text_size
        return start, start + self.grid[0], start + self.grid[0] + self.grid[1]

    @property
    def contexts(self) -> tuple[tuple[int, int, int], ...]:
        """Output contexts, then condition contexts."""
        return self.output_contexts + self.condition_contexts

    @property
    def far_contexts(self) -> slice:
        """The contexts in earlier latent frames; they stand next to one another."""
        far = [index for index, offset in enumerate(self.output_contexts) if offset[0] < 0]
        if far != list(range(far[0], far[-1] + 1)):
            raise ValueError("the contexts in earlier latent frames must be neighbours in the list")
        return slice(far[0], far[-1] + 1)

    @property
    def context_starts(self) -> list[int]:
        """First row of sub-token `a` per context; the null row follows the 512."""
        start = TEXT_START + self.text_size + sum(self.grid)
        return [start + index * (self.sub_codebooks[0] + 1) for index in range(len(self.contexts))]

    @property
    def audio_starts(self) -> tuple[int, int]:
        """First row of the audio frames, and of the levels."""
        start = self.context_starts[-1] + self.sub_codebooks[0] + 1
        return start, start + self.audio_frames

    @property
    def rows(self) -> int:
        return self.audio_starts[1] + self.audio_levels

    @property
    def rows_per_position(self) -> int:
        return 3 + len(self.contexts)

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "LanguageModelConfig":
        values = dict(values)
        for name in ("grid", "sub_codebooks", "look_layers"):
            values[name] = tuple(values[name])
        for name in ("output_contexts", "condition_contexts", "audio_contexts"):
            if name in values:
                values[name] = tuple(tuple(offset) for offset in values[name])
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
        sub_codebooks=(64, 20),
        input_width=64,
        look_layers=(1,),
        look_width=48,
        content_dimensions=6,
        output_contexts=((0, 0, -1), (0, -1, 1), (-1, 0, 0), (-1, 1, 0)),
        condition_contexts=((0, 0, 0), (0, 0, 1), (1, 0, 0)),
        audio_levels=2,
        audio_size=16,
        audio_dimensions=8,
        audio_width=32,
        audio_contexts=((0, 0), (0, 1), (-1, 0), (-1, 1)),
    ),
    "small": LanguageModelConfig(),
    "base": LanguageModelConfig(
        layers=16,
        width=512,
        heads=16,
        kv_heads=4,
        mlp_width=1408,
        input_width=768,
        look_layers=(4, 8),
        look_width=768,
        head_width=1024,
    ),
}


@dataclass(frozen=True)
class Inputs:
    """What positions read: table rows int64 `[..., 3 + C]`, codes int64 `[..., C]`, audio codes int64 `[..., A]`."""

    rows: Tensor
    codes: Tensor
    sounds: Tensor

    def map(self, change) -> "Inputs":
        """The same change made to all three."""
        return Inputs(change(self.rows), change(self.codes), change(self.sounds))


def plain_inputs(config: LanguageModelConfig, *columns: Tensor) -> Inputs:
    """Positions that read table rows alone: `columns` are int64 `[...]`."""
    shape = columns[0].shape
    rows = columns[0].new_full((*shape, config.rows_per_position), NONE)
    for index, column in enumerate(columns):
        rows[..., index] = column
    codes = rows.new_full((*shape, len(config.contexts)), config.null_code)
    return Inputs(rows, codes, rows.new_full((*shape, len(config.audio_contexts)), config.null_sound))


def join(*parts: Inputs) -> Inputs:
    """One after the other, along the first axis."""
    return Inputs(*(torch.cat([getattr(part, name) for part in parts]) for name in ("rows", "codes", "sounds")))


def prefix_inputs(
    config: LanguageModelConfig,
    task: str,
    text_ids: list[int] | None,
    video: Tensor | None = None,
    sound: Tensor | None = None,
) -> Inputs:
    """`<bos> <task> <bot> text... <eot>`, the sources `<bov_i> codes <eov_i>` and `<boa_i> frames <eoa_i>`, and what
    opens the output, `[P, ...]`. `video` int64 `[N]` codes in raster order, `sound` int64 `[F, levels]`. Without text
    and sources it is the unconditional prefix."""

    def special(*names: str) -> Inputs:
        return plain_inputs(config, torch.tensor([SPECIAL_ROWS[name] for name in names]))

    text = [TEXT_START + index for index in (text_ids or [])[: config.max_text]]
    head = [SPECIAL_ROWS["bos"], TASK_ROWS[task], SPECIAL_ROWS["bot"], *text, SPECIAL_ROWS["eot"]]
    parts = [plain_inputs(config, torch.tensor(head))]
    if video is not None:
        nothing = torch.full((1, len(video)), config.null_code)
        shown = output_inputs(config, nothing, condition=video[None]).map(lambda part: part[0])
        parts += [special("bov_i"), shown, special("eov_i")]
    if sound is not None:
        parts += [special("boa_i"), sound_source(config, sound), special("eoa_i")]
    return join(*parts, special(OPENERS.get(task, "bov")))


def sound_source(config: LanguageModelConfig, sound: Tensor) -> Inputs:
    """A sound as part of the prefix, int64 `[..., F, levels]` -> one token per frame `[..., F, ...]`."""
    frames = torch.arange(sound.shape[-2], device=sound.device)
    inputs = plain_inputs(config, (config.audio_starts[0] + frames).expand(sound.shape[:-1]))
    for slot, (frames, level) in enumerate(config.audio_contexts):
        if frames == 0:
            inputs.sounds[..., slot] = level * config.audio_size + sound[..., level]
    return inputs


def audio_inputs(config: LanguageModelConfig, sounds: Tensor) -> Inputs:
    """Inputs of all output positions of sounds int64 `[B, F, levels]`, frame by frame and level by level within a
    frame: `[B, F levels, ...]`. A position reads only codes before its own."""
    batch, frames, levels = sounds.shape
    axes = (torch.arange(count, device=sounds.device) for count in (frames, levels))
    frame, level = (axis.reshape(-1) for axis in torch.meshgrid(*axes, indexing="ij"))
    first_frame, first_level = config.audio_starts
    inputs = plain_inputs(config, (first_frame + frame).expand(batch, -1), (first_level + level).expand(batch, -1))
    null = sounds.new_full((batch, 1), config.null_sound)
    known = torch.cat(
        [(sounds + torch.arange(levels, device=sounds.device) * config.audio_size).flatten(1), null], dim=1
    )
    for slot, (back, other) in enumerate(config.audio_contexts):
        there = (frame + back >= 0) & ((other < level) if back == 0 else torch.ones_like(level, dtype=torch.bool))
        inputs.sounds[..., slot] = known[:, torch.where(there, (frame + back) * levels + other, -1)]
    return inputs


def text_inputs(config: LanguageModelConfig, texts: Tensor) -> Inputs:
    """Inputs of the output positions of texts int64 `[B, N]`: each reads the piece before it, the first one nothing."""
    before = torch.cat([torch.full_like(texts[:, :1], NONE), TEXT_START + texts[:, :-1]], dim=1)
    return plain_inputs(config, before)


@cache
def neighbours(config: LanguageModelConfig, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
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
    return rows.to(device), torch.stack(columns, dim=1).to(device)


@cache
def context_starts(config: LanguageModelConfig, device: torch.device) -> Tensor:
    """`config.context_starts`, `[contexts]`."""
    return torch.tensor(config.context_starts, device=device)


def output_inputs(
    config: LanguageModelConfig,
    clip: Tensor,
    start: int = 0,
    stop: int | None = None,
    *,
    condition: Tensor | None = None,
    near: Tensor | None = None,
) -> Inputs:
    """Inputs of the output positions `start` to `stop`, `[B, stop - start, ...]`.

    `clip` int64 `[B, N]`: codes in raster order; position `i` reads only codes before `i`, later ones may be anything.
    `condition` int64 `[B, N]`: codes given beforehand, null elsewhere. `near`: read in place of `clip` by the contexts
    within the position's own latent frame (training hides some of them).
    """
    batch, length = clip.shape
    stop = length if stop is None else stop
    position, index = (table[start:stop] for table in neighbours(config, clip.device))
    null = clip.new_full((batch, 1), config.null_code)
    nothing = null.expand(-1, length)
    sources = {
        "far": torch.cat((clip, null), dim=1),  # index -1 finds the null code
        "near": torch.cat((clip if near is None else near, null), dim=1),
        "condition": torch.cat((nothing if condition is None else condition, null), dim=1),
    }
    columns = []
    for number, offset in enumerate(config.contexts):
        is_output = number < len(config.output_contexts)
        source = sources["condition" if not is_output else "near" if offset[0] == 0 else "far"]
        places = index[:, number]
        columns.append(source[:, torch.where(places < length, places, -1)])
    codes = torch.stack(columns, dim=-1)  # [B, n, C]
    rows = codes // config.sub_codebooks[1] + context_starts(config, clip.device)
    sounds = codes.new_full((*codes.shape[:2], len(config.audio_contexts)), config.null_sound)
    return Inputs(torch.cat((position.expand(batch, -1, -1), rows), dim=-1), codes, sounds)


def rotary_tables(length: int, head_dim: int) -> tuple[Tensor, Tensor]:
    """`cos`, `sin` float32 `[length, hd / 2]` of the half-split rotary form (arXiv 2104.09864)."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return angles.cos().float(), angles.sin().float()


def normed(norm: nn.RMSNorm, x: Tensor) -> Tensor:
    """`norm(x)`; on a GPU in the precision of `x`, which autocast would raise."""
    if not x.is_cuda:
        return norm(x)
    return torch.ops.aten._fused_rms_norm(x, [x.shape[-1]], norm.weight.to(x.dtype), NORM_EPSILON)[0]


def rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates `[B, S, heads, hd]` by tables `[S, 1, hd / 2]`."""
    first, second = states.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def prefix_causal_mask(prefix_valid: Tensor, outputs: int) -> Tensor:
    """Bool `[B, 1, S, S]`, True where query (row) may read key (column). `prefix_valid` bool `[B, P]`."""
    batch, prefix = prefix_valid.shape
    total = prefix + outputs
    device = prefix_valid.device
    causal = torch.ones(total, total, dtype=torch.bool, device=device).tril()
    causal[:prefix] = False
    causal[:, :prefix] = True
    key_valid = torch.cat((prefix_valid, torch.ones(batch, outputs, dtype=torch.bool, device=device)), dim=1)
    return (causal & key_valid[:, None, :])[:, None]


class KeyValueCache:
    """Keys (already rotated) and values of every layer, `[B, Kv, M, hd]`; `length` entries of each are filled."""

    def __init__(self, config: LanguageModelConfig, batch: int, dtype: torch.dtype = torch.float32):
        shape = (config.layers, batch, config.kv_heads, config.max_length, config.head_dim)
        self.keys = torch.zeros(shape, dtype=dtype)
        self.values = torch.zeros(shape, dtype=dtype)
        self.length = 0


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Grouped-query attention: `query` `[B, H, S, hd]`, `key` and `value` `[B, Kv, K, hd]`, `mask` bool or additive
    `[B or 1, 1, S, K]` -> `[B, H, S, hd]`. On a CPU in plain products, which train faster there than the fused
    kernel."""
    batch, heads, length, size = query.shape
    groups = key.shape[1]
    if query.is_cuda:
        key, value = (part.repeat_interleave(heads // groups, dim=1) for part in (key, value))
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask.expand(batch, heads, -1, -1))
    query = query.reshape(batch, groups, heads // groups * length, size) * size**-0.5
    scores = (query @ key.transpose(2, 3)).view(batch, groups, heads // groups, length, -1)
    mask = mask[:, :, None]
    scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    weights = scores.softmax(dim=-1).flatten(2, 3)
    return (weights.to(value.dtype) @ value).view(batch, heads, length, size)


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
        qkv = self.qkv(normed(self.attention_norm, x)).view(batch, length, -1, config.head_dim)
        turned, value = qkv.split((config.heads + config.kv_heads, config.kv_heads), dim=2)
        turned = rotate(turned, cos[:, None], sin[:, None]).transpose(1, 2)
        query, key = turned.split((config.heads, config.kv_heads), dim=1)
        value = value.transpose(1, 2)
        if cache is not None:
            end = cache.length + length
            cache.keys[layer, :, :, cache.length : end] = key
            cache.values[layer, :, :, cache.length : end] = value
            key, value = cache.keys[layer, :, :, :end], cache.values[layer, :, :, :end]
        attended = attend(query, key.to(query.dtype), value.to(query.dtype), mask)
        attended = attended.reshape(batch, config.heads, length, config.head_dim)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, -1))
        gate, up = self.gate_up(normed(self.mlp_norm, x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Look(nn.Module):
    """A second look at the latent frames before, once the text was read: which of the surroundings move here depends on
    what the text says. `x + out(silu(gate(norm(x))) * far(seen))`."""

    def __init__(self, config: LanguageModelConfig):
        super().__init__()
        contexts = config.far_contexts.stop - config.far_contexts.start
        self.norm = nn.RMSNorm(config.width, eps=NORM_EPSILON)
        self.gate = nn.Linear(config.width, config.look_width, bias=False)
        self.far = nn.Linear(contexts * (config.content_dimensions + 1), config.look_width, bias=False)
        self.out = nn.Linear(config.look_width, config.width, bias=False)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """`x` `[..., d]` and the contents of the far contexts `[..., contexts (D + 1)]` -> `[..., d]`."""
        return x + self.out(F.silu(self.gate(normed(self.norm, x))) * self.far(seen))


class Contents(nn.Module):
    """What every code looks like, fixed: `table` `[A F + 1, D + 1]` (the last column marks the null code, the last
    row), and the cells of sub-token `a`: their `center` `[A, D]` and `inv_spread` `[A]`. `raw = table * scale + mean`
    are the tokenizer's own coefficients."""

    table: Tensor
    scale: Tensor
    mean: Tensor
    center: Tensor
    inv_spread: Tensor

    def __init__(self, config: LanguageModelConfig):
        super().__init__()
        cells, entries = config.sub_codebooks
        size = config.content_dimensions
        self.entries = entries
        table = torch.zeros(cells * entries + 1, size + 1)
        table[-1, -1] = 1
        self.register_buffer("table", table)
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("center", torch.zeros(cells, size))
        self.register_buffer("inv_spread", torch.ones(cells))

    def describe(self, fine: Tensor) -> None:
        """Takes the codebook's entries `[A, F, D]`: each dimension is scaled by the root of its spread, so that the
        strong ones lead and the weak ones are heard. Values are rounded to float16, as they are stored."""
        flat = fine.flatten(0, 1)
        spread = flat.std(0)
        self.mean.copy_(flat.mean(0))
        self.scale.copy_(spread.sqrt() * spread.mean().sqrt())
        self.table[:-1, :-1] = ((flat - self.mean) / self.scale).half().float()
        cells = self.table[:-1, :-1].unflatten(0, (-1, self.entries))
        self.center.copy_(cells.mean(1))
        spread = (cells - self.center[:, None]).square().mean((1, 2)).sqrt()
        self.inv_spread.copy_(1 / spread.clamp_min(0.02))

    def features(self) -> Tensor:
        """What tells the entries of a cell apart: `[A, F, D + 1]`, the offset from the centre in units of the cell's
        spread, and its mean square."""
        cells = self.table[:-1, :-1].unflatten(0, (-1, self.entries))
        offset = (cells - self.center[:, None]) * self.inv_spread[:, None, None]
        return torch.cat((offset, offset.square().mean(-1, keepdim=True)), dim=-1)


class LanguageModel(nn.Module):
    """Predicts sub-token `a` of each video position from `hidden`, then `b` from `hidden` and `a`; audio codes and
    pieces of text by heads of their own. `sounds` `[levels * size + 1, Da]`, fixed, is what each audio code stands for;
    the last row, zeros, is that of no code."""

    cos: Tensor
    sin: Tensor
    sounds: Tensor

    def __init__(self, config: LanguageModelConfig):
        super().__init__()
        self.config = config
        self.contents = Contents(config)
        size = config.content_dimensions + 1
        self.table = nn.Parameter(torch.empty(config.rows, config.width))
        self.look_in = nn.Linear(len(config.contexts) * size, config.input_width, bias=False)
        self.look_out = nn.Linear(config.input_width, config.width, bias=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.looks = nn.ModuleDict({str(layer): Look(config) for layer in config.look_layers})
        self.norm = nn.RMSNorm(config.width, eps=NORM_EPSILON)
        self.head_a = nn.Linear(config.width, config.output_size, bias=False)
        self.embedding_of_a = nn.Parameter(torch.empty(config.sub_codebooks[0], config.width))
        self.head_b_in = nn.Linear(config.width, config.head_width, bias=False)
        self.head_b_out = nn.Linear(config.head_width, size, bias=False)
        self.bias_b = nn.Parameter(torch.zeros(config.sub_codebooks))
        self.audio_in = nn.Linear(len(config.audio_contexts) * config.audio_dimensions, config.audio_width, bias=False)
        self.audio_out = nn.Linear(config.audio_width, config.width, bias=False)
        self.audio_head = nn.Parameter(torch.zeros(config.audio_levels, config.audio_size, config.width))
        self.text_head = nn.Linear(config.width, config.text_size + 1, bias=False)
        self.register_buffer("sounds", torch.zeros(config.null_sound + 1, config.audio_dimensions))
        cos, sin = rotary_tables(config.max_length, config.head_dim)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self._features: Tensor | None = None
        self.told: frozenset[str] | None = None  # what `hears` and `shows` answer, where it is known beforehand
        self._initialise()

    def _initialise(self) -> None:
        config = self.config
        nn.init.normal_(self.table, std=config.rows_per_position**-0.5)
        nn.init.normal_(self.embedding_of_a, std=1.0)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2 and name not in ("table", "embedding_of_a", "bias_b"):
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
                if name.endswith(("out.weight", "down.weight")) and name.startswith("blocks"):
                    parameter.data *= (2 * config.layers) ** -0.5
        for look in self.looks.values():
            nn.init.zeros_(look.out.weight)
        self.clear_unused()
        for head in (self.head_a, self.text_head, self.audio_out):
            nn.init.zeros_(head.weight)
        nn.init.zeros_(self.head_b_out.weight)

    @torch.no_grad()
    def clear_unused(self) -> None:
        """Sets the row of nothing to the zeros that it counts as: training skips it, graphs add it."""
        self.table[NONE] = 0

    def describe_sounds(self, contents: Tensor) -> None:
        """Takes what audio codes stand for, `[levels * size, Da]`, each dimension scaled to a spread of one over
        all."""
        spread = contents.std(0).mean().clamp_min(1e-6)
        self.sounds[:-1] = (contents / spread).half().float()

    def _summed(self, rows: Tensor) -> Tensor:
        """The sum of the table's rows `[..., K]` -> `[..., d]`."""
        flat = rows.reshape(-1, rows.shape[-1])
        return F.embedding_bag(flat, self.table, mode="sum", padding_idx=NONE).view(*rows.shape[:-1], -1)

    def _looked(self, seen: Tensor) -> Tensor:
        """What the contents of the contexts `[..., C, D + 1]` look like, `[..., d]`."""
        return self.look_out(F.silu(self.look_in(seen.flatten(-2))))

    def _heard(self, sounds: Tensor) -> Tensor:
        """What the audio contexts `[..., A]` say, `[..., d]`; nothing where there are none."""
        return self.audio_out(F.silu(self.audio_in(F.embedding(sounds, self.sounds).flatten(-2))))

    def hears(self, inputs: Inputs) -> bool:
        """Whether there are sounds among the inputs. A GPU would have to wait for the answer: `told` names it there."""
        return "sounds" in self.told if self.told is not None else bool((inputs.sounds != self.config.null_sound).any())

    def shows(self, prefix: Inputs) -> bool:
        """Whether there is a video among the prefixes."""
        return "video" in self.told if self.told is not None else bool((prefix.codes != self.config.null_code).any())

    def embed(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """The input of output positions, `[..., d]`: the sum of their table rows, and what their contexts look and
        sound like. Also the contents of the far contexts `[..., contexts (D + 1)]`, for the looks."""
        seen = F.embedding(inputs.codes, self.contents.table)
        far = seen[..., self.config.far_contexts, :].flatten(-2)
        x = self._summed(inputs.rows) + self._looked(seen)
        if self.hears(inputs):
            x = x + self._heard(inputs.sounds)
        return x, far

    def embed_prefix(self, prefix: Inputs) -> Tensor:
        """The input of prefix tokens, `[..., d]`; what is looked at counts for tokens of a video source only."""
        x = self._summed(prefix.rows)
        shown = (prefix.codes != self.config.null_code).any(-1)
        if self.shows(prefix):
            seen = F.embedding(prefix.codes, self.contents.table)
            x = x + self._looked(seen) * shown[..., None]
        if self.hears(prefix):
            x = x + self._heard(prefix.sounds)
        return x

    def look(self, layer: int, outputs: Tensor, far: Tensor) -> Tensor:
        """What comes before block `layer` on output positions: a look, or nothing."""
        key = str(layer)
        return self.looks[key](outputs, far) if key in self.looks else outputs

    def forward(self, prefix: Inputs, prefix_valid: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Teacher forcing: `prefix` `[B, P, ...]` (padding on the left, where `prefix_valid` is False; rotary
        attention only sees differences of positions) -> hidden states of the prefix `[B, P, d]` and of the outputs
        `[B, N, d]`."""
        outputs, far = self.embed(inputs)
        x = torch.cat((self.embed_prefix(prefix).to(outputs.dtype), outputs), dim=1)
        if x.is_cuda and torch.is_autocast_enabled("cuda"):
            x, far = x.to(torch.get_autocast_dtype("cuda")), far.to(torch.get_autocast_dtype("cuda"))
        start, length = prefix_valid.shape[1], x.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        mask = torch.zeros(len(prefix_valid), 1, length, length, dtype=torch.float32, device=x.device)
        mask.masked_fill_(~prefix_causal_mask(prefix_valid, outputs.shape[1]), float("-inf"))
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            mask, cos, sin = mask.to(dtype), cos.to(dtype), sin.to(dtype)
        for layer, block in enumerate(self.blocks):
            if str(layer) in self.looks:
                x = torch.cat((x[:, :start], self.look(layer, x[:, start:], far)), dim=1)
            x = block(x, cos, sin, mask)
        x = normed(self.norm, x)
        return x[:, :start], x[:, start:]

    def prefill(self, prefix: Inputs, prefix_valid: Tensor, cache: KeyValueCache) -> None:
        """Fills the cache with the prefix `[B, P, ...]` (left-padded); nothing is predicted from it."""
        x = self.embed_prefix(prefix)
        length = x.shape[1]
        mask = prefix_causal_mask(prefix_valid, 0)
        for layer, block in enumerate(self.blocks):
            x = block(x, self.cos[:length], self.sin[:length], mask, layer, cache)
        cache.length = length

    def step(self, inputs: Inputs, key_valid: Tensor, cache: KeyValueCache) -> Tensor:
        """One output position per row, inputs `[B, ...]`, `key_valid` bool `[B, cache.length + 1]` -> hidden
        `[B, d]`."""
        x, far = (part[:, None] for part in self.embed(inputs))
        cos, sin = (table[cache.length : cache.length + 1] for table in (self.cos, self.sin))
        for layer, block in enumerate(self.blocks):
            x = self.look(layer, x, far)
            x = block(x, cos, sin, key_valid[:, None, None, :], layer, cache)
        cache.length += 1
        return self.norm(x[:, 0])

    def features(self) -> Tensor:
        """`contents.features()`, computed once, in the precision of the first use."""
        if self._features is None:
            features = self.contents.features()
            kind = features.device.type
            autocast = torch.is_autocast_enabled(kind)
            self._features = features.to(torch.get_autocast_dtype(kind) if autocast else torch.float32)
        return self._features

    def logits_a(self, hidden: Tensor) -> Tensor:
        """`[..., d]` -> `[..., V]`."""
        return self.head_a(hidden)

    def logits_b(self, hidden: Tensor, a: Tensor) -> Tensor:
        """`[B, d]` and the chosen `a` `[B]` -> `[B, F]`: how well each entry of the cell fits what is looked for."""
        wanted = self.head_b_out(F.silu(self.head_b_in(hidden + F.embedding(a, self.embedding_of_a))))
        features = F.embedding(a, self.features().flatten(1)).view(len(a), -1, wanted.shape[-1])
        return torch.bmm(features.to(wanted.dtype), wanted[:, :, None])[:, :, 0] + F.embedding(a, self.bias_b)

    def logits_audio(self, hidden: Tensor, level: int) -> Tensor:
        """`[..., d]` -> `[..., audio_size]` for codes of one level."""
        return hidden @ self.audio_head[level].T

    def logits_text(self, hidden: Tensor) -> Tensor:
        """`[..., d]` -> `[..., text_size + 1]`; the last is the end."""
        return self.text_head(hidden)
