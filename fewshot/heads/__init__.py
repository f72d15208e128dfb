"""Linear heads, calibration, rejection."""
