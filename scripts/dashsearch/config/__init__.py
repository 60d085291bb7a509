"""The configuration: its settings, and how a wrong one is told."""
