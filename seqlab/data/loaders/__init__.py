"""Readers, one file a format; each refuses what its format does not promise, and says where."""
