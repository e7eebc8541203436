"""The network as an ONNX graph, in f32 or quantized to int8.

Batch normalization is folded into the convolutions; each decoder convolution is in sub-pixel form
(`subpixel`). Input `volume` and output `logits` are `[1, 1, d, h, w]`; sides are multiples of 16.

A quantized graph has QuantizeLinear and DequantizeLinear on the input of each convolution (unsigned
8 bit; zero point 0 after ReLU) and signed 8 bit weights, one scale an output channel, no zero
point.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .network import N_CONVOLUTIONS, Layer
from .subpixel import phase_weights, phases

OPSET = 17
IR_VERSION = 8
INPUT_SCALE = 2.0 / 254.0
"""The input is -1..1: 127 steps on either side of the zero point, so that air and 0 are exact."""
INPUT_ZERO_POINT = 127
WEIGHT_MAX = 127


@dataclass(frozen=True)
class Convolution:
    """One convolution as it stands in the graph."""

    name: str
    weight: np.ndarray
    """`[phases * out, in, kd, kh, kw]` float32."""
    bias: np.ndarray
    stride: int
    trained_kernel: tuple[int, int, int]
    n_phases: int
    batch_norm: bool

    @classmethod
    def from_layer(cls, layer: Layer) -> "Convolution":
        """Folded, and in sub-pixel form if it belongs to the decoder."""
        weight, bias = layer.folded()
        kernel = tuple(weight.shape[2:])
        n_phases = 1
        if layer.name.startswith("decoder"):
            n_phases = len(phases(kernel))
            weight, bias = phase_weights(weight), bias.repeat(n_phases)
        return cls(
            layer.name,
            weight.numpy().astype(np.float32),
            bias.numpy().astype(np.float32),
            layer.convolution.stride[0],
            kernel,
            n_phases,
            layer.normalization is not None,
        )

    def description(self) -> str:
        """What was trained, for whoever counts it from the file alone."""
        kernel = "x".join(str(side) for side in self.trained_kernel)
        norm = int(self.batch_norm)
        return f"trained_kernel={kernel} phases={self.n_phases} batch_norm={norm}"


class Builder:
    """Nodes and constants, in order."""

    def __init__(self, scales: dict[str, float] | None):
        self.scales = scales
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.known: set[str] = set()

    def constant(self, name: str, value: np.ndarray) -> str:
        """A named constant, once."""
        if name not in self.known:
            self.known.add(name)
            self.constants.append(numpy_helper.from_array(value, name))
        return name

    def indices(self, *values: int) -> str:
        """A constant list of integers."""
        name = "indices_" + "_".join(str(value) for value in values)
        return self.constant(name, np.array(values, dtype=np.int64))

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        """One node with one output of its own name."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def activation(self, tensor: str) -> str:
        """The tensor as convolutions see it: rounded to 8 bits in a quantized graph."""
        if self.scales is None:
            return tensor
        zero_point = INPUT_ZERO_POINT if tensor == "volume" else 0
        parameters = [
            self.constant(f"{tensor}.scale", np.float32(self.scales[tensor])),
            self.constant(f"{tensor}.zero_point", np.uint8(zero_point)),
        ]
        self.node("QuantizeLinear", [tensor, *parameters], f"{tensor}.quantized")
        return self.node(
            "DequantizeLinear", [f"{tensor}.quantized", *parameters], f"{tensor}.rounded"
        )

    def _weight(self, convolution: Convolution) -> str:
        name = f"{convolution.name}.weight"
        if self.scales is None:
            return self.constant(name, convolution.weight)
        peaks = np.abs(convolution.weight).reshape(len(convolution.weight), -1).max(axis=1)
        scales = np.maximum(peaks / WEIGHT_MAX, 1e-12).astype(np.float32)
        rounded = np.round(convolution.weight / scales[:, None, None, None, None])
        inputs = [
            self.constant(f"{name}.quantized", rounded.astype(np.int8)),
            self.constant(f"{name}.scale", scales),
            self.constant(f"{name}.zero_point", np.zeros(len(scales), dtype=np.int8)),
        ]
        return self.node("DequantizeLinear", inputs, name, axis=0)

    def convolution(self, convolution: Convolution, tensor: str) -> str:
        """Convolution, and ReLU where batch normalization was."""
        kernel = convolution.weight.shape[2:]
        weight = self._weight(convolution)
        bias = self.constant(f"{convolution.name}.bias", convolution.bias)
        output = convolution.name if convolution.batch_norm else "logits"
        out = self.node(
            "Conv",
            [tensor, weight, bias],
            f"{output}.sum" if convolution.batch_norm else output,
            kernel_shape=list(kernel),
            strides=[convolution.stride] * 3,
            # One on either side for 3 taps, and for 2: each phase then looks at its own end.
            pads=[int(side > 1) for side in kernel] * 2,
            doc_string=convolution.description(),
        )
        return self.node("Relu", [out], output) if convolution.batch_norm else out

    def interleave(self, tensor: str, convolution: Convolution, like: str) -> str:
        """Phases to their places on the fine grid, whose shape is that of `like`.

        Each phase is cut out of the padded coarse tensor and gets an axis of one beside each of its
        three; joining along those and flattening puts fine neighbours side by side.
        """
        n_channels = len(convolution.weight) // convolution.n_phases
        cut = {}
        for group, place in enumerate(phases(convolution.trained_kernel)):
            name = f"{tensor}.phase{''.join(str(at) for at in place)}"
            starts = [group * n_channels, *place]
            # Phase 0 leaves out the last place of an axis of two taps, phase 1 the first.
            far = 2**31 - 1
            ends = [
                -1 if side == 3 and at == 0 else far
                for side, at in zip(convolution.trained_kernel, place, strict=True)
            ]
            inputs = [
                tensor,
                self.indices(*starts),
                self.indices((group + 1) * n_channels, *ends),
                self.indices(1, 2, 3, 4),
            ]
            part = self.node("Slice", inputs, name)
            cut[place] = self.node("Unsqueeze", [part, self.indices(3, 5, 7)], f"{name}.open")
        for axis in (2, 1, 0):
            cut = self._join(cut, axis, tensor)
        joined = cut[()]
        shape = self.node("Shape", [like], f"{tensor}.shape")
        return self.node("Reshape", [joined, shape], f"{tensor}.fine")

    def _join(self, cut: dict[tuple, str], axis: int, tensor: str) -> dict[tuple, str]:
        """Joins the two phases along the last open axis; an axis of one phase repeats it."""
        joined = {}
        for place in sorted({place[:axis] for place in cut}):
            zero = cut[(*place, 0)]
            pair = [zero, cut.get((*place, 1), zero)]
            name = f"{tensor}.joined{axis}{''.join(str(at) for at in place)}"
            joined[place] = self.node("Concat", pair, name, axis=3 + 2 * axis)
        return joined


def build(layers: list[Layer], scales: dict[str, float] | None = None) -> onnx.ModelProto:
    """The graph; with `scales` (one for each of `quantized_tensors`) the int8 one."""
    convolutions = {layer.name: Convolution.from_layer(layer) for layer in layers}
    assert len(convolutions) == N_CONVOLUTIONS
    builder = Builder(scales)
    skips = []
    tensor = builder.activation("volume")
    n_levels = sum(name.startswith("encoder") for name in convolutions) // 2
    for level in range(n_levels):
        for letter in "ab":
            tensor = builder.convolution(convolutions[f"encoder{level}{letter}"], tensor)
            tensor = builder.activation(tensor)
        skips.append(tensor)
    for level in reversed(range(n_levels - 1)):
        convolution = convolutions[f"decoder{level}"]
        coarse = builder.convolution(convolution, tensor)
        fine = builder.interleave(coarse, convolution, skips[level])
        tensor = builder.node("Add", [fine, skips[level]], f"level{level}")
        tensor = builder.activation(tensor)
    builder.convolution(convolutions["head"], tensor)
    return _model(builder)


def quantized_tensors() -> list[str]:
    """The inputs of the 15 convolutions."""
    encoder = [f"encoder{level}{letter}" for level in range(5) for letter in "ab"]
    return ["volume", *encoder, *[f"level{level}" for level in (3, 2, 1, 0)]]


def _model(builder: Builder) -> onnx.ModelProto:
    shape = [1, 1, "d", "h", "w"]
    graph = helper.make_graph(
        builder.nodes,
        "network",
        [helper.make_tensor_value_info("volume", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        builder.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    model.producer_name = "parotidd training"
    onnx.checker.check_model(model)
    return model
