"""Trains one stage: `python -m training.train --task T --tensors DIR --work DIR --minutes 60`.

The same command goes on where it stopped; SIGTERM and SIGINT stop it after a step. The work folder
holds `checkpoint.pt`, `stable.pt`, `loss.csv`, `figures.csv` and `curve.png`. A run that is over
goes on for longer from `stable.pt`, its state before the rate fell: copy that to `checkpoint.pt`.
"""

import argparse
import math
import signal
import threading
import time
from pathlib import Path

import numpy as np
import torch

from . import checkpoint, losses, validate
from .data import Case, Sampler, read_indices, training_cases
from .journal import Journal, draw
from .tasks import TASKS, Task

WARM_UP_STEPS = 200
COOL_DOWN = 0.1
"""Last share of a run in which the rate falls; a run that is to go on goes on from before it."""
LEARNING_RATE_LAST = 0.01
GRADIENT_NORM_MAX = 5.0
LOSS_EVERY = 20
METRICS = {
    "localizer": ("within_10_mm", "not_found", "no_gland_found"),
    "segmenter": ("dice_median", "empty_flagged", "auc"),
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(TASKS), required=True)
    parser.add_argument(
        "--tensors", type=Path, required=True, nargs="+", help="folders of `parotidd prepare`"
    )
    parser.add_argument("--work", type=Path, required=True, help="checkpoint, logs, curve")
    parser.add_argument("--minutes", type=float, default=math.inf, help="training time in all")
    parser.add_argument("--steps", type=int, default=100_000, help="steps in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--validate-every", type=int, default=1000)
    parser.add_argument("--validation-cases", type=int, default=40)
    parser.add_argument("--checkpoint-minutes", type=float, default=3.0)
    parser.add_argument("--start", type=Path, help="weights to begin from: another run's file")
    parser.add_argument(
        "--deep-weight",
        type=float,
        default=losses.DEEP_WEIGHT,
        help="weight of each deeper level in the loss; 0 trains without deep supervision",
    )
    parser.add_argument(
        "--focal-gamma",
        type=float,
        help="how fast a learnt voxel's weight falls in the loss, in place of the task's own",
    )
    parser.add_argument(
        "--without-negatives", action="store_true", help="train on crops with a mass alone"
    )
    return parser.parse_args()


def learning_rate(task: Task, step: int, progress: float) -> float:
    """A linear warm-up, the task's rate, and in the last part of the run a cosine to its end."""
    if step < WARM_UP_STEPS:
        return task.learning_rate * (step + 1) / WARM_UP_STEPS
    along = max(min(progress, 1.0) - (1.0 - COOL_DOWN), 0.0) / COOL_DOWN
    low = LEARNING_RATE_LAST
    return task.learning_rate * (low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * along)))


def predictor(network: torch.nn.Module) -> validate.Predict:
    """The network as a function of one array."""

    def predict(volume: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            tensor = torch.from_numpy(volume)[None, None]
            tensor = tensor.to(memory_format=torch.channels_last_3d)
            return network(tensor)[0, 0].numpy()

    return predict


def step(run: checkpoint.Run, sampler: Sampler, rate: float, options: argparse.Namespace) -> float:
    """One batch; the loss."""
    inputs, targets = sampler.batch()
    inputs = inputs.to(memory_format=torch.channels_last_3d)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    run.network.train()
    # Half the time of f32; weights, their updates and the loss stay f32.
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = run.network.forward_deep(inputs)
    logits = [level.float() for level in logits]
    loss = losses.deep(logits, targets, options.deep_weight, options.focal_gamma)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), GRADIENT_NORM_MAX)
    run.optimizer.step()
    run.step += 1
    run.average.update(run.network, run.step)
    sampler.learn_from(logits[0], targets)
    return float(loss.detach())


def stopping() -> threading.Event:
    """Set once somebody asks the process to end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def done(run: checkpoint.Run, options: argparse.Namespace) -> float:
    """How much of the run is behind it, 0..1."""
    return max(run.step / options.steps, run.seconds / (60.0 * options.minutes))


def spread(cases: list[Case], n: int) -> list[Case]:
    """At most `n` cases, evenly over the list, the same every time."""
    if len(cases) <= n:
        return cases
    return [cases[int(place)] for place in np.linspace(0, len(cases) - 1, n)]


def report(
    task: Task, cases: list[Case], run: checkpoint.Run, losses_: Journal, folder: Path
) -> None:
    """Measures the averaged network, each source apart, and draws the curve."""
    row: dict[str, float] = {"step": run.step, "seconds": round(run.seconds)}
    predict = predictor(run.average.network())
    for source in sorted({case.source for case in cases}):
        members = [case for case in cases if case.source == source]
        figures = validate.measure(task, members, predict)
        row |= {f"{source}.{name}": value for name, value in figures.items()}
    log = Journal(folder / "figures.csv")
    log.write(row)
    metrics = tuple(name for name in row if name.split(".")[-1] in METRICS[task.name])
    draw(losses_, log, metrics, folder / "curve.png")
    print(row, flush=True)


def begin(task: Task, options: argparse.Namespace) -> checkpoint.Run:
    """The run in the work folder, or a new one."""
    run = checkpoint.start(options.seed, task.learning_rate)
    path = options.work / "checkpoint.pt"
    if path.exists():
        run.load(path)
    elif options.start:
        run.begin_from(options.start)
    return run


def train(task: Task, options: argparse.Namespace) -> None:
    """Runs to the limit of minutes or steps, whichever comes first."""
    options.work.mkdir(parents=True, exist_ok=True)
    if options.focal_gamma is None:
        options.focal_gamma = task.focal_gamma
    cases = read_indices(options.tensors, task)
    run = begin(task, options)
    train_cases = training_cases(task, cases)
    if options.without_negatives:
        train_cases = [case for case in train_cases if case.positive]
    sampler = Sampler(task, train_cases, run.rng)
    sampler.difficulty = run.difficulty
    held_out = held_out_cases(cases, options.validation_cases)
    loss_log = Journal(options.work / "loss.csv")
    print(f"{task.name}: {len(train_cases)} cases, {len(held_out)} held out, from step {run.step}")

    stop = stopping()
    saved, smooth = run.seconds, None
    while (progress := done(run, options)) < 1.0 and not stop.is_set():
        begun = time.monotonic()
        rate = learning_rate(task, run.step, progress)
        loss = step(run, sampler, rate, options)
        run.seconds += time.monotonic() - begun
        smooth = loss if smooth is None else 0.95 * smooth + 0.05 * loss
        if run.step % LOSS_EVERY == 0:
            row = {"step": run.step, "seconds": round(run.seconds, 1), "rate": rate}
            loss_log.write(row | {"loss": round(smooth, 5)})
        if run.step % options.validate_every == 0 and held_out:
            report(task, held_out, run, loss_log, options.work)
        if run.seconds - saved > 60.0 * options.checkpoint_minutes:
            save(run, progress, options.work)
            saved = run.seconds
    save(run, done(run, options), options.work)
    if held_out and not stop.is_set():
        report(task, held_out, run, loss_log, options.work)


def held_out_cases(cases: list[Case], n: int) -> list[Case]:
    """At most `n` validation cases of each source."""
    held_out = [case for case in cases if case.split == "validation"]
    sources = sorted({case.source for case in held_out})
    return [
        case
        for source in sources
        for case in spread([case for case in held_out if case.source == source], n)
    ]


def save(run: checkpoint.Run, progress: float, folder: Path) -> None:
    """The checkpoint; also as `stable.pt` until the rate begins to fall."""
    run.save(folder / "checkpoint.pt")
    if progress < 1.0 - COOL_DOWN:
        run.save(folder / "stable.pt")


def main() -> None:
    """The command."""
    options = arguments()
    torch.set_num_threads(options.threads)
    train(TASKS[options.task], options)


if __name__ == "__main__":
    main()
