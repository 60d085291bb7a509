"""What arms and their agents propose: breadth, steps, cycles, divergence."""
