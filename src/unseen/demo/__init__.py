"""The demo's data: a small world rendered from a seed, in the layouts of the published sets."""

from unseen.demo.render import render_demo, write_class_lists

__all__ = ["render_demo", "write_class_lists"]
