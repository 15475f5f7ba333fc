"""Sequences: recurrent cells, models of language, and networks that say what they see."""
