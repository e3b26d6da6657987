"""Checkpoints to deployable files, stamped with what a deployment must do. Importing this loads neither torch nor ultralytics."""

from parity.convert.conversion import convert
from parity.convert.manifest import Stamp, read_stamp

__all__ = ["Stamp", "convert", "read_stamp"]
