"""Running a simulation: chunks, processes, checkpoints, results put together."""
