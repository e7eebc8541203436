"""onnxruntime's answers on a network's file, for tests/it: `python answers.py ONNX FOLDER`.

For each volume NAME.npy of the folder: NAME.int8.npy, logits of the file as it is written;
NAME.f32.npy, logits of its f32 variant, which becomes f32.onnx. Prints the quantum: the most that a
logit can change when each value before the last convolution is one step off.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime import GraphOptimizationLevel
from variants import Rewriter, variants


def quantum(model: onnx.ModelProto) -> float:
    """A step of the last rounded tensor times the weights that meet it."""
    network = Rewriter(model, rounded=True)
    head = network.made_by[model.graph.output[0].name]
    step = network.constants[network.made_by[head.input[0]].input[1]]
    return float(step * np.abs(network.weight(head.input[1])).sum())


def session(model: onnx.ModelProto, level: GraphOptimizationLevel):
    """A model, ready to run in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)


def main() -> None:
    """The command."""
    path, folder = sys.argv[1], Path(sys.argv[2])
    made = variants(path)
    volumes = {it.stem: np.load(it) for it in sorted(folder.glob("*.npy"))}
    onnx.save(made["phase"], folder / "f32.onnx")
    as_written, by_default = (
        GraphOptimizationLevel.ORT_DISABLE_ALL,
        GraphOptimizationLevel.ORT_ENABLE_ALL,
    )
    sessions = {
        "int8": session(made["phase_int8"], as_written),
        "f32": session(made["phase"], by_default),
    }
    for kind, engine in sessions.items():
        for name, volume in volumes.items():
            (logits,) = engine.run(None, {"volume": volume[None, None]})
            np.save(folder / f"{name}.{kind}.npy", logits[0, 0])
    print(quantum(made["phase_int8"]))


if __name__ == "__main__":
    main()
