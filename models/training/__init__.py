"""Training recipe of the two networks: tensors in, ONNX files and manifests out."""
