"""Vocabularies, readers by file format, windows and splits; plain numpy on the host."""
