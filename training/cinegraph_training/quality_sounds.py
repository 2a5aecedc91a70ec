"""Figures of the tasks that make sounds, and clips from sounds."""

import numpy as np

from .attributes import COLUMNS, MOTIONS
from .onsets import find_onsets, onset_score
from .quality_bench import Bench, Clips
from .quality_outcome import Outcome
from .quality_scores import NOTHING, Figure
from .sounds import FPS, KINDS, RATE
from .world import FRAMES

SAMPLES = FRAMES * RATE // FPS  # of a clip's sound
ONSET_AIM, KIND_AIM = 0.7, 60.0
OBJECT_AIM = {"object": 60.0}
Sounds = list[np.ndarray | None]


def group_of(outcomes: list[Outcome], group: str) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.group == group]


def video_to_audio(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    return _heard(bench, "videoToAudio", outcomes, ONSET_AIM, KIND_AIM)


def text_to_audio(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    return _heard(bench, "textToAudio", outcomes, None, None)


def _heard(
    bench: Bench, task: str, outcomes: list[Outcome], onset_aim: float | None, kind_aim: float | None
) -> list[Figure]:
    """Onsets of things that bounce, and the class of things that have a voice."""
    figures = []
    thudding, voiced = group_of(outcomes, "bounces"), group_of(outcomes, "voices")
    if thudding:
        true = [bench.truth.sound(outcome.facts[0]) for outcome in thudding]
        wanted = [one.onsets for one in true]
        real: Sounds = [one.samples for one in true]
        # All that bounce here do so at the same times: another sound is one of something else.
        other = [voiced[place % len(voiced)].sound() for place in range(len(thudding))] if voiced else []
        random = np.random.default_rng(0).uniform(0, SAMPLES / RATE, (len(thudding), 3))
        above = {"real": _f1(real, wanted), "codec": _f1(_through_codec(bench, real), wanted)}
        below = {
            "silence": _f1([np.zeros(SAMPLES, np.float32)] * len(thudding), wanted),
            "random times": onset_score([sorted(row.tolist()) for row in random], wanted)["f1"],
            **({"shuffled": _f1(other, wanted)} if other else {}),
        }
        made = _f1([outcome.sound() for outcome in thudding], wanted)
        figures.append(
            Figure(
                task, "things that bounce: F1 of onsets, within 62 ms", made, "", len(thudding), above, below, onset_aim
            )
        )
    if voiced:
        true = [bench.truth.sound(outcome.facts[0]) for outcome in voiced]
        kinds = np.array([KINDS.index(one.kind) for one in true])
        real = [one.samples for one in true]
        read = _kinds(bench, [outcome.sound() for outcome in voiced])
        above = {
            "real": _same(_kinds(bench, real), kinds),
            "codec": _same(_kinds(bench, _through_codec(bench, real)), kinds),
        }
        below = {
            "chance": 100 * float(np.bincount(kinds).max()) / len(kinds),
            "shuffled": _same(np.roll(read, 1), kinds),
        }
        figures.append(
            Figure(
                task,
                "things with a voice: class of the sound",
                _same(read, kinds),
                "%",
                len(voiced),
                above,
                below,
                kind_aim,
            )
        )
    return figures


def audio_to_video(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    """The object, where the sound says which it is, and whether it bounces, where there are thuds."""
    task, figures = "audioToVideo", []
    thudding, voiced = group_of(outcomes, "bounces"), group_of(outcomes, "voices")
    if voiced:
        facts = [outcome.facts[0] for outcome in voiced]
        real = [bench.truth.clip(one) for one in facts]
        clips: Clips = [outcome.clip() for outcome in voiced]
        figures += bench.shares(task, facts, clips, real, ("object",), "things with a voice: ", OBJECT_AIM)
    if thudding:
        real = [bench.truth.clip(outcome.facts[0]) for outcome in thudding]
        above = {"real": _bouncing(bench, list(real)), "codec": _bouncing(bench, bench.through_codec(real))}
        below = {"clips from voices": _bouncing(bench, [outcome.clip() for outcome in voiced])} if voiced else {}
        made = _bouncing(bench, [outcome.clip() for outcome in thudding])
        figures.append(Figure(task, "thuds: the thing bounces", made, "%", len(thudding), above, below))
    return figures


def _bouncing(bench: Bench, clips: Clips) -> float:
    read = bench.read(clips)[:, COLUMNS.index("motion")]
    return _same(read, np.full(len(clips), MOTIONS.index("bounces")))


def _f1(sounds: Sounds, wanted: list[tuple[float, ...]]) -> float:
    return onset_score([[] if sound is None else find_onsets(sound) for sound in sounds], wanted)["f1"]


def _kinds(bench: Bench, sounds: Sounds) -> np.ndarray:
    """Indices into `sounds.KINDS`; a sound that is not there is of no kind."""
    return np.array([NOTHING if sound is None else int(bench.ear.kinds(_fitted(sound)[None])[0]) for sound in sounds])


def _fitted(samples: np.ndarray) -> np.ndarray:
    """Cut, or followed by silence, to the length of a clip."""
    return np.pad(samples[:SAMPLES], (0, max(0, SAMPLES - len(samples)))).astype(np.float32)


def _same(read: np.ndarray, wanted: np.ndarray) -> float:
    return 100 * float((read == wanted).mean())


def _through_codec(bench: Bench, sounds: Sounds) -> Sounds:
    return [sound if sound is None else bench.audio_codec.reconstruct(sound) for sound in sounds]
