"""Metrics, cross-validation, episodes."""
