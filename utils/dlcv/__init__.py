"""The package behind *Learning to See*: readable building blocks, one room a topic."""

__version__ = "0.1.0"
