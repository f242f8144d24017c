"""This machine: disk, signals, hardware, provenance."""
