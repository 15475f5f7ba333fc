"""Finding objects: boxes and their overlap, and how a detector is judged."""
