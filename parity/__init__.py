"""Parity: the release gate for object detectors."""
