"""The commands of `python -m pipeline`, one file each; nothing imports them."""
