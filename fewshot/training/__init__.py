"""Support set, fit and update."""
