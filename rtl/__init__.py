"""The hardware: Amaranth modules that take plain integers."""
