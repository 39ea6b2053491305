"""The steps, each a module, the first one first."""
