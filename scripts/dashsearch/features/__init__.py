"""Frozen backbones and the store of the features they extract."""
