"""Seeds on a Ray cluster."""
