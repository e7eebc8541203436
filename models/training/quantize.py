"""Static quantization: how large each convolution's input gets on training crops."""

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from .graph import INPUT_SCALE, build, quantized_tensors
from .network import Layer

PERCENTILE = 99.99
"""Of each crop's values; what lies above is cut off. The rest gets finer steps."""


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """The model on one thread, computed as it is written: rounded f32, no fused int8 kernels."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(engine: onnxruntime.InferenceSession, volume: np.ndarray) -> np.ndarray:
    """Logits of one `[d, h, w]` input."""
    return engine.run(["logits"], {"volume": volume[None, None].astype(np.float32)})[0][0, 0]


def scales(layers: list[Layer], crops: list[np.ndarray]) -> dict[str, float]:
    """Step of each quantized tensor, from the f32 graph on calibration crops `[d, h, w]`."""
    model = build(layers)
    names = [name for name in quantized_tensors() if name != "volume"]
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, 1, None))
    engine = session(model)
    peaks = {name: 0.0 for name in names}
    for crop in crops:
        values = engine.run(names, {"volume": crop[None, None]})
        for name, value in zip(names, values, strict=True):
            peaks[name] = max(peaks[name], float(np.percentile(value, PERCENTILE)))
    found = {name: max(peak, 1e-3) / 255.0 for name, peak in peaks.items()}
    return {"volume": INPUT_SCALE} | found
