"""The same small service written with Baton's peers, as each one's documentation has it."""
