"""Find, load, check and run ONNX networks."""
