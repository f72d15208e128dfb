"""Speed on this machine."""
