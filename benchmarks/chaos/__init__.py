"""Kills a real study at random moments, starts it again, and compares what is left with an undisturbed study's."""
