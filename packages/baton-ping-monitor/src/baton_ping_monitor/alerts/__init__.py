"""Telling people of incidents, through Apprise."""
