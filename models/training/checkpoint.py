"""The state of a training run: written whole or not at all, resumed exactly."""

import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from .network import Network, build

EMA_DECAY = 0.999


class Average:
    """Exponential moving average of weights and batch statistics; what is exported."""

    def __init__(self, network: Network):
        self.values = {name: value.clone() for name, value in network.state_dict().items()}

    def update(self, network: Network, step: int) -> None:
        """Moves towards the network; faster at first, so that the start is forgotten."""
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                self.values[name].lerp_(value, 1.0 - decay)
            else:
                self.values[name].copy_(value)

    def network(self) -> Network:
        """A network with the averaged values, for inference."""
        network = build(0)
        network.load_state_dict(self.values)
        return network.eval()


@dataclass
class Run:
    """Everything that changes while training."""

    network: Network
    optimizer: torch.optim.Optimizer
    average: Average
    rng: np.random.Generator
    seed: int
    step: int = 0
    seconds: float = 0.0
    difficulty: dict[str, float] = field(default_factory=dict)
    """What the sampler knows of each crop."""

    def save(self, path: Path) -> None:
        """Replaces the file at `path`."""
        part = path.with_suffix(".part")
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.values,
            "rng": self.rng.bit_generator.state,
            "torch_rng": torch.get_rng_state(),
            "seed": self.seed,
            "step": self.step,
            "seconds": self.seconds,
            "difficulty": self.difficulty,
        }
        torch.save(state, part)
        os.replace(part, path)

    def load(self, path: Path) -> None:
        """Goes on where the file stopped."""
        state = torch.load(path, weights_only=False)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.values = state["average"]
        self.rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch_rng"])
        self.seed = state["seed"]
        self.step = state["step"]
        self.seconds = state["seconds"]
        self.difficulty = state["difficulty"]

    def begin_from(self, path: Path) -> None:
        """Takes the averaged weights of another run and nothing else of it."""
        weights = torch.load(path, weights_only=False)["average"]
        self.network.load_state_dict(weights)
        self.average = Average(self.network)


def start(seed: int, learning_rate: float) -> Run:
    """A fresh run."""
    random.seed(seed)
    network = build(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-4)
    return Run(network, optimizer, Average(network), np.random.default_rng(seed), seed)


def exported(path: Path) -> tuple[Network, dict[str, int | float]]:
    """The averaged network of a checkpoint, with its seed, steps and seconds."""
    state = torch.load(path, weights_only=False)
    network = build(0)
    network.load_state_dict(state["average"])
    return network.eval(), {name: state[name] for name in ("seed", "step", "seconds")}
