"""Checkpoints: a trained file -> its pipeline spec and its network. Importing this loads neither torch nor ultralytics."""

from parity.models.checkpoint import Checkpoint
from parity.models.load import is_checkpoint, is_run, load_checkpoint, model_name

__all__ = ["Checkpoint", "is_checkpoint", "is_run", "load_checkpoint", "model_name"]
