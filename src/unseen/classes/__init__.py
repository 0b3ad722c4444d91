"""From a class's name to its place in the space of word vectors.

The words of a name, word vectors from a file, class embeddings, which training classes overlap
with the unseen ones (Eq. 3 and 4 of the paper), and subsets of classes for the figures.
"""
