"""The ground floor: what every wing stands on.

Errors that a user can mend, progress, files written whole with their digests, tables as CSV,
devices, fetching, and how a stage is run. It knows nothing of videos, classes or networks.
"""
