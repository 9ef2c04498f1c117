"""The methods of simulation, one file for each string of ``method=``; start with ``route.py``."""
