"""What executes a network: one file for each runtime, one door (``base.open_session``)."""
