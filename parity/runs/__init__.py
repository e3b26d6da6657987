"""Run directories of FasterRCNN: convert, evaluate and compare, each leaving its files where the run lies."""
