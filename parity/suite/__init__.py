"""The gate as pytest tests, so that an installed package can run it: ``pytest --pyargs parity.suite -m parity``."""
