"""The model: its folder, its ONNX runtime, and logits turned into calibrated probabilities."""
