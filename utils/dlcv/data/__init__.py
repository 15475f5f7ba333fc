"""Data: procedural worlds, and the real data that ships with the libraries."""
