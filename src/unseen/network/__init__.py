"""f_v and f_s: the networks, how they are trained and what they make of a video.

The visual and semantic encoders, weights and the model file, losses, the training loop, features
of a frozen encoder, inference and export.
"""
