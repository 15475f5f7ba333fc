"""Architectures by family, in plain PyTorch, and what they cost."""
