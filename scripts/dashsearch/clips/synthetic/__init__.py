"""The embedded synthetic dashcam: scripted traffic, rendered and encoded to real H.264 files."""
