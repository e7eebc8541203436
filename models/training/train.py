"""Trains one stage: `python -m training.train --task T --tensors DIR --work DIR --minutes 60`.

The same command goes on where it stopped; SIGTERM and SIGINT stop it after a step. The work folder
holds `checkpoint.pt`, `loss.csv`, `figures.csv` and `curve.png`.
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

WARM_UP = 0.04
LEARNING_RATE_LAST = 0.01
GRADIENT_NORM_MAX = 5.0
LOSS_EVERY = 20
METRICS = {
    "localizer": ("within_10_mm", "not_found"),
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
    parser.add_argument("--validate-every", type=int, default=400)
    parser.add_argument("--validation-cases", type=int, default=40)
    parser.add_argument("--checkpoint-minutes", type=float, default=3.0)
    return parser.parse_args()


def learning_rate(task: Task, progress: float) -> float:
    """One cosine from the task's rate to a hundredth of it, after a linear warm-up."""
    if progress < WARM_UP:
        return task.learning_rate * max(progress, 1e-4) / WARM_UP
    along = (min(progress, 1.0) - WARM_UP) / (1.0 - WARM_UP)
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


def step(run: checkpoint.Run, sampler: Sampler, rate: float) -> float:
    """One batch; the loss."""
    inputs, targets = (torch.from_numpy(array) for array in sampler.batch())
    inputs = inputs.to(memory_format=torch.channels_last_3d)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    run.network.train()
    loss = losses.deep(run.network.forward_deep(inputs), targets)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), GRADIENT_NORM_MAX)
    run.optimizer.step()
    run.step += 1
    run.average.update(run.network, run.step)
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


def train(task: Task, options: argparse.Namespace) -> None:
    """Runs to the limit of minutes or steps, whichever comes first."""
    options.work.mkdir(parents=True, exist_ok=True)
    cases = read_indices(options.tensors, task)
    run = checkpoint.start(options.seed, task.learning_rate)
    path = options.work / "checkpoint.pt"
    if path.exists():
        run.load(path)
    train_cases = training_cases(task, cases)
    sampler = Sampler(task, train_cases, run.rng)
    held_out = [case for case in cases if case.split == "validation"]
    held_out = spread(held_out, options.validation_cases)
    loss_log, figure_log = Journal(options.work / "loss.csv"), Journal(options.work / "figures.csv")
    print(f"{task.name}: {len(train_cases)} cases, {len(held_out)} held out, from step {run.step}")

    def report() -> None:
        figures = validate.measure(task, held_out, predictor(run.average.network()))
        figure_log.write({"step": run.step, "seconds": round(run.seconds)} | figures)
        draw(loss_log, figure_log, METRICS[task.name], options.work / "curve.png")
        print(f"step {run.step}, {run.seconds:.0f} s: {figures}", flush=True)

    stop = stopping()
    saved, smooth = run.seconds, None
    while (progress := done(run, options)) < 1.0 and not stop.is_set():
        begun = time.monotonic()
        rate = learning_rate(task, progress)
        loss = step(run, sampler, rate)
        run.seconds += time.monotonic() - begun
        smooth = loss if smooth is None else 0.95 * smooth + 0.05 * loss
        if run.step % LOSS_EVERY == 0:
            row = {"step": run.step, "seconds": round(run.seconds, 1), "rate": rate}
            loss_log.write(row | {"loss": round(smooth, 5)})
        if run.step % options.validate_every == 0 and held_out:
            report()
        if run.seconds - saved > 60.0 * options.checkpoint_minutes:
            run.save(path)
            saved = run.seconds
    run.save(path)
    if held_out and not stop.is_set():
        report()


def main() -> None:
    """The command."""
    options = arguments()
    torch.set_num_threads(options.threads)
    train(TASKS[options.task], options)


if __name__ == "__main__":
    main()
