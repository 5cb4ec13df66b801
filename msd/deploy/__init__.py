"""A trained student outside of its study: read, exported to ONNX, asked about a user's own pictures and texts."""
