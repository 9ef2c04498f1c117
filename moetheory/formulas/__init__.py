"""The mathematics on plain arrays: one formula, one function; no classes of the package."""
