"""How a simulation is carried out: chunks, processes, checkpoints, results put together."""
