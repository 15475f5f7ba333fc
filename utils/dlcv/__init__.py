"""The package behind *Learning to See*: readable, tested building blocks, one room per topic of the course."""

__version__ = "0.1.0"
