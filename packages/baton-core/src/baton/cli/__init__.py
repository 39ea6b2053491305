"""The command line: ``baton``, and what the executables of extensions are made with."""
