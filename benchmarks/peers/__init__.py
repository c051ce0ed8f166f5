"""Other evaluators, each made to answer the same shapes.

A peer module has `NAME`, `LANGUAGE` and `prepare(shape, contexts)`, which gives one function without
arguments for each context, or None where the peer cannot express the shape.
"""
