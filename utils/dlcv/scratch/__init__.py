"""The building blocks of a network from first principles, each checked against torch."""
