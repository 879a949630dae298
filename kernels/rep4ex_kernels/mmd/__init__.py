"""Maximum mean discrepancy between two samples."""
