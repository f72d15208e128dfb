"""Images from a camera or a video."""
