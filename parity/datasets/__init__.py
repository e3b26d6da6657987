"""Data sets: images and, where there are labels, what is truly on them."""

from parity.datasets.base import Category, Dataset, DatasetImage, Truth
from parity.datasets.open import open_dataset

__all__ = ["Category", "Dataset", "DatasetImage", "Truth", "open_dataset"]
