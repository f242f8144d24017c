"""How much a seed sends to a tracking server, how many seeds a server carries, and how much they leave on disk."""
