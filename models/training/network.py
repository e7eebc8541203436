"""The one network of both stages: 15 convolutions, 578,089 parameters.

Five levels of 8, 24, 24, 64, 64 channels; kernels 3x3x3, but 1x3x3 at the second level, its
decoder convolution included. The encoder has two convolutions a level, the first of each level
below the top strided 2 on all three axes. The decoder goes from deep to shallow: nearest upsampling
x2, one convolution to that level's channels, then the encoder's output of that level is added.
Batch normalization and ReLU follow every convolution but the 1x1x1 head.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .subpixel import upsample_and_convolve

CHANNELS = (8, 24, 24, 64, 64)
KERNELS = ((3, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
N_CONVOLUTIONS = 15
N_PARAMETERS = 578_089
MULTIPLE = 16
"""Every side of an input is a multiple of this: four strides of 2."""


class ConvolutionBlock(nn.Sequential):
    """Convolution, batch normalization, ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel: tuple[int, int, int], stride: int = 1):
        padding = tuple(side // 2 for side in kernel)
        super().__init__(
            nn.Conv3d(n_in, n_out, kernel, stride=stride, padding=padding),
            nn.BatchNorm3d(n_out, momentum=0.05, eps=1e-3),
            nn.ReLU(inplace=True),
        )


class Network(nn.Module):
    """`[n, 1, d, h, w]` to logits of the same shape; sides are multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList()
        n_in = 1
        for level, (n_out, kernel) in enumerate(zip(CHANNELS, KERNELS, strict=True)):
            self.encoder.append(
                nn.ModuleList(
                    [
                        ConvolutionBlock(n_in, n_out, kernel, stride=2 if level else 1),
                        ConvolutionBlock(n_out, n_out, kernel),
                    ]
                )
            )
            n_in = n_out
        # decoder[level] makes that level's channels out of those of the level below it.
        self.decoder = nn.ModuleList(
            ConvolutionBlock(CHANNELS[level + 1], CHANNELS[level], KERNELS[level])
            for level in range(len(CHANNELS) - 1)
        )
        self.head = nn.Conv3d(CHANNELS[0], 1, 1)
        # Deep supervision, in training only: one more head on each deeper level of the decoder.
        self.deep_heads = nn.ModuleList(
            nn.Conv3d(CHANNELS[level], 1, 1) for level in range(1, len(CHANNELS) - 1)
        )
        # Masks are rare: starting from "nothing here" saves the first hundred steps.
        for head in (self.head, *self.deep_heads):
            nn.init.constant_(head.bias, -4.0)

    def forward_deep(self, volume: Tensor) -> list[Tensor]:
        """Logits at full, half, quarter and eighth resolution."""
        skips = []
        out = volume
        for first, second in self.encoder:
            out = second(first(out))
            skips.append(out)
        logits = []
        for level in reversed(range(len(self.decoder))):
            convolution, *rest = self.decoder[level]
            out = upsample_and_convolve(convolution, out)
            for layer in rest:
                out = layer(out)
            out = out + skips[level]
            head = self.head if level == 0 else self.deep_heads[level - 1]
            logits.append(head(out))
        return logits[::-1]

    def forward(self, volume: Tensor) -> Tensor:
        """Logits at full resolution."""
        return self.forward_deep(volume)[0]


@dataclass(frozen=True)
class Layer:
    """One convolution of the network as it was trained."""

    name: str
    convolution: nn.Conv3d
    normalization: nn.BatchNorm3d | None

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias with batch normalization folded in, float64."""
        weight = self.convolution.weight.detach().double()
        bias = self.convolution.bias.detach().double()
        norm = self.normalization
        if norm is None:
            return weight, bias
        scale = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
        shift = norm.bias.detach().double() - norm.running_mean.double() * scale
        return weight * scale.view(-1, 1, 1, 1, 1), bias * scale + shift


def layers(network: Network) -> Iterator[Layer]:
    """The counted convolutions in order of execution."""
    for level, blocks in enumerate(network.encoder):
        for letter, block in zip("ab", blocks, strict=True):
            yield Layer(f"encoder{level}{letter}", block[0], block[1])
    for level in reversed(range(len(network.decoder))):
        block = network.decoder[level]
        yield Layer(f"decoder{level}", block[0], block[1])
    yield Layer("head", network.head, None)


def count_parameters(network: Network) -> int:
    """Weights, biases and four values a channel of batch normalization, as Keras counts."""
    total = 0
    for layer in layers(network):
        total += layer.convolution.weight.numel() + layer.convolution.bias.numel()
        if layer.normalization is not None:
            total += 4 * layer.normalization.num_features
    return total


def build(seed: int) -> Network:
    """A fresh network, checked to be the study's."""
    torch.manual_seed(seed)
    network = Network()
    assert sum(1 for _ in layers(network)) == N_CONVOLUTIONS
    assert count_parameters(network) == N_PARAMETERS
    return network.to(memory_format=torch.channels_last_3d)
