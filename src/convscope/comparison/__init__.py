"""The network against all the other methods, on the same pictures, by one honest protocol.

A `Method` is a classifier registered with its preprocessing, its paper and what it costs; a contest teaches each in a
process of its own and keeps what came out.
"""
