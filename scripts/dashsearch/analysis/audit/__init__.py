"""The audit: published claims recomputed from published figures, each with a computed verdict."""
