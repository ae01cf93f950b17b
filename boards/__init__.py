"""Boards: FPGA families, pins, tools, the build flow, and the driver of a chip."""
