"""Floor 2: the bundle, its export to ONNX, its parity check and its scorer."""
