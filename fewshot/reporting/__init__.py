"""The report: what was measured of a classifier, as one HTML page for people."""
