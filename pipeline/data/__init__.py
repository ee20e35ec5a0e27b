"""Recorded motion data: loaders, windows, and the split by subject."""
