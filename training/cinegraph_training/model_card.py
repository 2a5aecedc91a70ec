# ruff: noqa: E501 (prose)
"""The text of a bundle's MODEL_CARD.md, and the licences of what the model was trained on."""

from . import attributes, stage
from .language_model import LanguageModel

LICENCES = (
    {"name": "Fluent emoji (animated, @lobehub/fluent-emoji-anim)", "licence": "MIT", "use": "training data: objects"},
    {"name": "unicode-emoji-json", "licence": "MIT", "use": "training data: names"},
    {"name": "emojilib", "licence": "MIT", "use": "training data: synonyms"},
    {"name": "TensorFlow flowers", "licence": "CC BY", "use": "training data: photo backgrounds and tokenizer"},
    {"name": "Real clips (friday, rabbit320, crystal, elf, frog, monster, pig, rabbit)", "licence": "CC0", "use": "training data: tokenizer"},
    {"name": "Real clips (bottle-detection, one-by-one-person)", "licence": "CC BY 4.0", "use": "training data: tokenizer"},
    {"name": "Real clips (cups, blocks, coffee, bedroom)", "licence": "Apache-2.0", "use": "training data: tokenizer"},
    {"name": "Big Buck Bunny (Blender Foundation)", "licence": "CC BY 3.0", "use": "training data: tokenizer"},
    {"name": "ESC-10 (K. J. Piczak, from freesound.org)", "licence": "CC BY 3.0", "use": "training data: natural sounds"},
)  # fmt: skip

LIMITS = """\
- It knows one moving object per clip, from the list above, and no others. "Two dogs" or "a dog chasing a cat" does not work.
- Pictures are 128 x 128 px, made of blocks of 16 px: the tokenizer keeps shapes and colours, not fine detail.
  Twice as wide and high (super-resolution, 1.4 M parameters) edges are sharper; what the tokenizer lost stays lost.
- English only, and only the words of its captions (`knownWords` in the manifest). Other words are ignored or mislead it.
- Clips are 17 frames at 8 fps, about two seconds; longer ones are made of overlapping windows.
- It draws what its prompt says nearly as well as its codes can show it; the figures below say how often. What the codes say of moving edges limits it: a thing that moves is softer than one at
  rest, outlines and pixels are half lost, and things of alike shape are taken for one another.
- A picture of your own loses its fine detail (about 21 dB PSNR on photos), and what it shows may turn into something that the model knows. Stylization keeps place and
  motion; told a style alone, it goes by what it sees in the clip itself, and what it does not know it guesses.
- Voices are learnt from few recordings: of those that it never heard it knows some three in five.
- Sound is 16 kHz mono at 1 kbit/s: ten kinds of natural sounds, and sounds of motion that are synthesised (thuds, sweeps, whirrs). No speech, no music.
- Captions name the object, its motion, the background, the camera and the style in one sentence of a fixed form; of a sound, what makes it.
- Every tenth combination of object, motion and background was kept out of training; the figures are for those.
- It cannot draw people, places or text, and has seen no photographs of people beyond two of the tokenizer's clips.
"""


def figure_table(evaluation: dict) -> str:
    """The figures of `bench/quality` as Markdown: what was measured, with its ceilings and floors."""
    lines = ["| task | what | cases | measured | beside it |", "|---|---|---|---|---|"]
    for task, figures in evaluation["tasks"].items():
        for what, figure in figures.items():
            value = "none" if figure["value"] is None else f"{figure['value']} {figure['unit']}".strip()
            beside = ", ".join(f"{name} {anchor}" for name, anchor in figure["anchors"].items())
            lines.append(f"| {task} | {what} | {figure['count']} | {value} | {beside} |")
    return "\n".join(lines)


def model_card(name: str, model: LanguageModel, counters: dict, evaluation: dict) -> str:
    """Markdown: what the model is, knows, cannot do, and its figures with their anchors."""
    config = model.config
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    figures = figure_table(evaluation) if evaluation else "Not evaluated yet."
    if counters["step"] == 0:
        figures = "**Untrained weights: this bundle draws noise.** It exists to test shapes and speed."
    licences = "\n".join(f"- {entry['name']}: {entry['licence']} ({entry['use']})" for entry in LICENCES)
    return f"""# {name}

A small VideoPoet-like model (arXiv 2312.14125): text, video and sound in, image, video, audio or text tokens out, one autoregressive transformer.

- Language model: {config.layers} layers, width {config.width}, {config.heads} heads ({config.kv_heads} key-value heads), {millions:.1f} M parameters; trained for
  {counters["step"]} steps on {counters["clips"]:,} clips and pictures (repeats counted); `training/LOG.md` says on what, and how long.
- Video tokenizer: 4 x 16 x 16 compression, a two-level codebook of 512 x 125 entries and a causal convolutional decoder; 128 x 128 px,
  17 frames at 8 fps.
- Audio tokenizer: 25 frames a second of 4 codes of 1,024 (a residual vector quantizer over principal components of log-mel spectra), and a causal decoder of tones and noise.

## What it can draw

- Objects: {", ".join(stage.OBJECTS)}.
- Backgrounds: plain ({", ".join(attributes.PLAIN_BACKGROUNDS)}), {", ".join(attributes.GRADIENT_BACKGROUNDS)}, and blurred {", ".join(attributes.PHOTO_BACKGROUNDS)}.
- Motion: {", ".join(attributes.MOTIONS)}. Camera: {", ".join(stage.CAMERAS)}.
- Size: {", ".join(attributes.SIZES)}. Place: {", ".join(attributes.PLACES)}.
- Drawing style: {", ".join(attributes.STYLES)}. A clip of yours can be drawn anew in each of them.
- Sounds of their own: {", ".join(attributes.VOICES)}. Everything else sounds by its motion.

## What it cannot

{LIMITS}
## Figures

Made by the whole program on held-out cases and read back (`bench/quality` says how): fixed seeds, one try each, nothing dropped.

{figures}

## Data and licences

{licences}
"""
