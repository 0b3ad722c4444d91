"""The fixtures of the tiny workflow."""

from tiny_workflow import finished, own_repository, session_folder, workspace

__all__ = ["finished", "own_repository", "session_folder", "workspace"]
