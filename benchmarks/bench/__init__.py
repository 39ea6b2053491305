"""The bench: Baton beside its peers on one broker, interleaved. ``python -m bench --help``."""
