"""Figures of studies and data sets."""
