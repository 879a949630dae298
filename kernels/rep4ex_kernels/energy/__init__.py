"""Energy distance between two samples."""
