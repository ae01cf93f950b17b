"""Checking: the golden model, the compiled simulation, the cocotb bench and the simulated board."""
