"""Figures of the tasks that make pictures and clips from words, pictures and clips."""

from .evaluate_language_model import ASKED
from .quality_bench import ALL, Bench, Clips, mean_psnr, standing
from .quality_outcome import Outcome
from .quality_scores import Figure, mean_fill
from .quality_truth import KEPT
from .world import FRAMES

FRAME_MS = 125
AIMS = {"background": 97.0, "object": 90.0, "motion": 92.0, "camera": 90.0, "all": 75.0}
FIRST_FRAME_AIMS = {"known": 25.0, "unseen": 22.0}  # dB
ANIMATED_AIMS = {"motion": 85.0}


def text_to_video(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    facts = [outcome.facts[0] for outcome in outcomes]
    real = [bench.truth.clip(one) for one in facts]
    clips = [outcome.clip() for outcome in outcomes]
    return bench.shares("textToVideo", facts, clips, real, ASKED["video"], aims=AIMS)


def text_to_image(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    facts = [outcome.facts[0] for outcome in outcomes]
    real = [standing(bench.truth.clip(one)[:1]) for one in facts]
    clips = [None if (clip := outcome.clip(1)) is None else standing(clip) for outcome in outcomes]
    return bench.shares("textToImage", facts, clips, real, ASKED["image"])


def image_to_video(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    known = [outcome for outcome in outcomes if outcome.group == "known"]
    unseen = [outcome for outcome in outcomes if outcome.group == "unseen"]
    return [
        *(_animated(bench, known, "known concepts: ", ("object", "motion", "camera")) if known else []),
        *(_animated(bench, unseen, "concepts never trained: ", ("motion", "camera")) if unseen else []),
    ]


def _animated(bench: Bench, outcomes: list[Outcome], label: str, columns: tuple[str, ...]) -> list[Figure]:
    task, count = "imageToVideo", len(outcomes)
    facts = [outcome.facts[0] for outcome in outcomes]
    real = [bench.truth.clip(one) for one in facts]
    clips = [outcome.clip() for outcome in outcomes]
    pictures = [clip[:1] for clip in real]
    firsts = [clip if clip is None else clip[:1] for clip in clips]
    codec = {"codec": mean_psnr(bench.through_codec(pictures), pictures)}
    gray = {"mean colour": mean_psnr([mean_fill(picture, ALL, ALL) for picture in pictures], pictures)}
    aim = FIRST_FRAME_AIMS[outcomes[0].group]
    frozen: Clips = [standing(picture) for picture in pictures]
    whole = {"codec": mean_psnr(bench.through_codec(real), real)}
    still = {"frozen frame": mean_psnr(frozen, real)}
    return [
        Figure(task, f"{label}first frame to the input", mean_psnr(firsts, pictures), "dB", count, codec, gray, aim),
        *bench.shares(task, facts, clips, real, columns, label, ANIMATED_AIMS, {"frozen frame": frozen}),
        Figure(task, f"{label}whole clip to the real one", mean_psnr(clips, real), "dB", count, whole, still),
    ]


def edit_video(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    """The clip from its last kept frame on; what was there before the edit stands beside it."""
    after = [outcome.facts[1] for outcome in outcomes]
    real = [bench.truth.edited(*outcome.facts)[KEPT - 1 :] for outcome in outcomes]
    whole = [outcome.clip(KEPT + FRAMES - 1) for outcome in outcomes]
    clips = [clip if clip is None else clip[KEPT - 1 :] for clip in whole]
    source: Clips = [bench.truth.looped(outcome.facts[0], FRAMES) for outcome in outcomes]
    columns = ("object", "background", "motion")
    return bench.shares("editVideo", after, clips, real, columns, floors={"the source": source})


def film(bench: Bench, outcomes: list[Outcome]) -> list[Figure]:
    """Whether a film is whole, and what its shots show."""
    shots: Clips = []
    complete = lasting = sounding = 0
    for outcome in outcomes:
        made = {output["shot"]: output for output in outcome.outputs if output["shot"] is not None}
        count = len(outcome.facts)
        shots += [outcome.frames_of(made[shot], FRAMES) if shot in made else None for shot in range(count)]
        complete += len(made) == count
        films = outcome.results
        whole = outcome.clip(FRAMES * count)
        lasting += whole is not None and abs(films[0]["durationMs"] - len(whole) * FRAME_MS) <= 1
        sounding += bool(films) and films[0]["sound"] is not None
    facts = [one for outcome in outcomes for one in outcome.facts]
    real = [bench.truth.clip(one) for one in facts]
    whole_ones = {"all six shots there": complete, "as long as its shots, every frame decodes": lasting}
    if any(outcome.more["sound"] for outcome in outcomes):
        whole_ones["with a sound track"] = sounding
    count = len(outcomes)
    return [
        *(Figure("createFilm", what, 100 * n / count, "%", count, aim=100.0) for what, n in whole_ones.items()),
        *bench.shares("createFilm", facts, shots, real, ASKED["video"], "shots: "),
    ]
