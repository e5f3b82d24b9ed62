"""Measuring kit: scripted calls with their truth, the leak check, and benchmarks."""
