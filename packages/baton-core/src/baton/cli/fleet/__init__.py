"""Asking a fleet from the command line: the part that the commands of all extensions share.

An extension's own command takes :func:`baton.cli.fleet.options.fleet_options`, and gives what it
asks to :func:`baton.cli.fleet.asking.ask`. Of these, only the options are imported before a command
is called.
"""
