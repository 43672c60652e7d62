"""What computes for the views of the page, a module a view; each has a `router`."""

from convscope.lab.views import (
    catalogue,
    contests,
    draw,
    find,
    pad,
    paper,
    runs,
    slide,
    surgery,
    train,
    units,
)

VIEWS = (runs, draw, slide, paper, pad, units, find, surgery, train, contests, catalogue)
