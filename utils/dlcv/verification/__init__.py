"""Same or not: embeddings learnt from pairs, triplets and classes, and how they are judged."""
