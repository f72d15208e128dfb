"""The classifiers: fitted here, or read from an exported file."""
