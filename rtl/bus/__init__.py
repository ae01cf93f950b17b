"""The core behind the buses of larger systems."""
