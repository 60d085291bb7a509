"""Temporal models on cached features: encoders, pooling, losses, the trainer, metrics."""
