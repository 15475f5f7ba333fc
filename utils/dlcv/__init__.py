"""The package behind *Learning to See*: readable building blocks, one room a topic of the course."""

__version__ = "0.1.0"
