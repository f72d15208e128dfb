"""Detect, align and draw faces."""
