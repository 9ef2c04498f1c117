"""The methods of simulation; ``route.py`` is the contract that each fulfils."""
