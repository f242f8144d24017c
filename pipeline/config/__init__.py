"""Settings in, one frozen configuration out."""
