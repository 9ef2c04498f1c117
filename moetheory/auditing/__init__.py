"""The theory on somebody's own data."""
