"""ONNX files and the offline web page."""
