"""Tasks and their adapters, the synthetic dashcam, decoding, windows."""
