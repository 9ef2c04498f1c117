"""Reading features and labels from .csv, .npz and .npy files."""

from moetheory.datafile.contents import Data
from moetheory.datafile.reading import read_data

__all__ = ["Data", "read_data"]
