"""From a video or photograph to the snippets that a network sees.

Probing and transcoding with ffmpeg, clips made of photographs (Ken Burns), the clip store, which
frames are a snippet, and the loaders that read them.
"""
