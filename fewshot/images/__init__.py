"""Decode, preprocess, write images."""
