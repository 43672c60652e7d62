"""Under the curtain: a classifier of small pictures, moved over a large one.

`dense` and `sweep` answer for every window, `pyramid` for every size, `boxes` keeps what stands out, `search` is all of it.
"""
