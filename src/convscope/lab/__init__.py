"""The page: draw a seven, watch a whole network light up, and see why it is a seven.

`server` starts it, `app` puts it together; `guard` says who may come in. `desk` is what all views share: the Runs (`shelf`),
the nets that are looked through (`lens`, `operations`) and the pictures (`pictures`). Each view has a module of its own in
`views`, which computes, and one of the same name in `static/views`, which draws. `trainings` starts the program
`convscope train` for an `order`, with pictures from `sources` and `uploads`; `compared` says in what Runs differ.
"""
