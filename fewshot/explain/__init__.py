"""Activation maps and heat maps."""
