"""Kill a real study at random moments, resume it, and compare its results with those of an undisturbed study."""
