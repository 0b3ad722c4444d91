"""What reruns after a change: what depends on it in content, and nothing else."""

from conftest import Workspace


def test_nothing_to_do(workspace: Workspace) -> None:
    assert workspace.would_rerun() == []


def test_moved_repository(own_repository: Workspace) -> None:
    assert own_repository.would_rerun() == []
