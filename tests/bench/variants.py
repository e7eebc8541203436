"""The same network as other runtimes may like it better, made from the shipped int8 file.

`phase_int8` is the file itself, `phase` the same in f32 (rounding taken out), `transposed` with
each sub-pixel convolution as ConvTranspose k4 s2, `naive` as Resize and a convolution of 3 taps,
and `naive_int8` that with rounding. All compute the same function up to rounding.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Rewriter:
    """Nodes and constants of one variant."""

    def __init__(self, model: onnx.ModelProto, rounded: bool):
        self.graph = model.graph
        self.made_by = {name: node for node in self.graph.node for name in node.output}
        self.constants = {it.name: numpy_helper.to_array(it) for it in self.graph.initializer}
        self.rounded = rounded
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self.known: dict[str, str] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        """A named constant."""
        self.weights[name] = numpy_helper.from_array(value, name)
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        """One node with one output of its own name."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def weight(self, tensor: str) -> np.ndarray:
        """Of a convolution, in f32."""
        node = self.made_by[tensor]
        values, scales = (self.constants[name] for name in node.input[:2])
        return values.astype(np.float32) * scales.reshape(-1, 1, 1, 1, 1)

    def tensor(self, name: str) -> str:
        """A tensor as convolutions read it, rounded or not."""
        if name in self.known:
            return self.known[name]
        rounded = self.made_by[name]
        bytes_ = self.made_by[rounded.input[0]]
        made = bytes_.input[0]
        value = made if made == self.graph.input[0].name else self.made(made)
        if self.rounded:
            parameters = [self.constant(it, self.constants[it]) for it in bytes_.input[1:]]
            quantized = self.node("QuantizeLinear", [value, *parameters], bytes_.output[0])
            value = self.node("DequantizeLinear", [quantized, *parameters], name)
        self.known[name] = value
        return value

    def made(self, name: str) -> str:
        """What a Relu or an Add gives, and all that it needs."""
        node = self.made_by[name]
        if node.op_type == "Relu":
            conv = self.made_by[node.input[0]]
            return self.node("Relu", [self.convolution(conv)], name)
        assert node.op_type == "Add", node.op_type
        fine = node.input[0]
        relu = self.made_by[fine]
        while relu.op_type != "Relu":
            relu = self.made_by[relu.input[0]]
        conv = self.made_by[relu.input[0]]
        skip = self.tensor(node.input[1])
        return self.node("Add", [self.upsampled(conv, f"{name}.fine"), skip], name)

    def convolution(self, conv: onnx.NodeProto) -> str:
        """A convolution as it is."""
        return self._convolve(conv, self.tensor(conv.input[0]), self.weight(conv.input[1]))

    def _convolve(self, conv: onnx.NodeProto, tensor: str, weight: np.ndarray, **more) -> str:
        name = conv.output[0]
        values = self.quantized(f"{name}.weight", weight)
        bias = self.constants[conv.input[2]]
        bias = self.constant(f"{name}.bias", bias[: weight.shape[0]])
        attributes = {it.name: helper.get_attribute_value(it) for it in conv.attribute} | more
        return self.node("Conv", [tensor, values, bias], name, **attributes)

    def quantized(self, name: str, weight: np.ndarray) -> str:
        """Weights, rounded to 8 bits where the variant is."""
        if not self.rounded:
            return self.constant(name, weight)
        scales = np.abs(weight).reshape(len(weight), -1).max(axis=1) / np.float32(127)
        scales = np.maximum(scales, np.float32(1e-12)).astype(np.float32)
        values = np.round(weight / scales.reshape(-1, 1, 1, 1, 1)).astype(np.int8)
        inputs = [
            self.constant(f"{name}.values", values),
            self.constant(f"{name}.scales", scales),
            self.constant(f"{name}.zero", np.zeros(len(scales), np.int8)),
        ]
        return self.node("DequantizeLinear", inputs, name, axis=0)

    def taps(self, conv: onnx.NodeProto) -> np.ndarray:
        """The three taps that a sub-pixel convolution was made of."""
        weight = self.weight(conv.input[1])
        sides = weight.shape[2:]
        n_phases = 2 ** sum(side == 2 for side in sides)
        n_out = len(weight) // n_phases
        places = [side if side == 2 else 1 for side in sides]
        groups = weight.reshape(*places, n_out, *weight.shape[1:])
        kernel = groups
        # Phase 0 is w0, w1 + w2; phase 1 is w0 + w1, w2.
        for axis in range(3):
            if places[axis] == 1:
                kernel = kernel.take(0, axis=axis)[None] if axis == 0 else kernel
                continue
            first, second = kernel.take(0, axis=axis), kernel.take(1, axis=axis)
            at = axis + 4  # the tap's axis once the phase's axis is gone
            w0 = first.take(0, axis=at)
            w2 = second.take(1, axis=at)
            w1 = first.take(1, axis=at) - w2
            kernel = np.expand_dims(np.stack([w0, w1, w2], axis=at), axis)
        return kernel.reshape(n_out, weight.shape[1], *[3 if s == 2 else 1 for s in sides])

    def upsampled(self, conv: onnx.NodeProto, fine: str) -> str:
        """Upsampling, a convolution of three taps and Relu."""
        tensor = self.tensor(conv.input[0])
        big = self.node(
            "Resize",
            [tensor, "", self.constant("twice", np.array([1, 1, 2, 2, 2], np.float32))],
            f"{fine}.big",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        weight = self.taps(conv)
        pads = [side // 2 for side in weight.shape[2:]] * 2
        out = self._convolve(conv, big, weight, kernel_shape=list(weight.shape[2:]), pads=pads)
        return self.node("Relu", [out], fine)

    def build(self) -> onnx.ModelProto:
        """The variant."""
        head = self.made_by[self.graph.output[0].name]
        self.convolution(head)
        graph = helper.make_graph(
            self.nodes,
            "variant",
            list(self.graph.input),
            list(self.graph.output),
            list(self.weights.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return model


class Transposed(Rewriter):
    """Upsampling and convolution as one ConvTranspose: kernel 4, stride 2, padding 1."""

    def upsampled(self, conv: onnx.NodeProto, fine: str) -> str:
        """The same in one node, and Relu."""
        weight = self.taps(conv)
        kernel = weight.transpose(1, 0, 2, 3, 4)
        # Each of the two fine voxels of a coarse one sees three neighbours: convolving the kernel
        # with a box of two gives the four taps that a coarse voxel spreads.
        for axis, side in enumerate(weight.shape[2:], start=2):
            turned = np.flip(kernel, axis)
            pad = [(0, 0)] * 5
            pad[axis] = (0, 1)
            later = [(0, 0)] * 5
            later[axis] = (1, 0)
            kernel = np.pad(turned, pad) + np.pad(turned, later)
            assert kernel.shape[axis] == side + 1
        name = conv.output[0]
        bias = self.constants[conv.input[2]][: len(weight)]
        inputs = [
            self.tensor(conv.input[0]),
            self.constant(f"{name}.weight", np.ascontiguousarray(kernel)),
            self.constant(f"{name}.bias", bias),
        ]
        pads = [side // 2 for side in weight.shape[2:]] * 2
        out = self.node("ConvTranspose", inputs, name, strides=[2, 2, 2], pads=pads)
        return self.node("Relu", [out], fine)


def without_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """The file itself in f32."""
    rewriter = Rewriter(model, rounded=False)
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    del plain.graph.node[:]
    del plain.graph.initializer[:]
    renamed: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
        elif node.op_type == "DequantizeLinear" and node.input[0] in renamed:
            renamed[node.output[0]] = renamed[node.input[0]]
        elif node.op_type == "DequantizeLinear":
            weight = rewriter.weight(node.output[0])
            plain.graph.initializer.append(numpy_helper.from_array(weight, node.output[0]))
        else:
            copy = plain.graph.node.add()
            copy.CopyFrom(node)
            copy.input[:] = [renamed.get(name, name) for name in node.input]
    used = {name for node in plain.graph.node for name in node.input}
    for tensor in model.graph.initializer:
        if tensor.name in used:
            plain.graph.initializer.append(tensor)
    return plain


def variants(path: str) -> dict[str, onnx.ModelProto]:
    """All five, by name."""
    model = onnx.load(path)
    return {
        "phase_int8": model,
        "phase": without_rounding(model),
        "transposed": Transposed(model, rounded=False).build(),
        "naive": Rewriter(model, rounded=False).build(),
        "naive_int8": Rewriter(model, rounded=True).build(),
    }
