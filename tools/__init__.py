"""The verbs behind the Makefile: each module is a small program, `python -m tools.NAME`."""
