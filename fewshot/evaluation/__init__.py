"""Metrics, cross-validation, learning curve."""
