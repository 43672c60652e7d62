"""What computes for the views of the page, a module a view; each has a `router`."""

from convscope.lab.views import draw, runs

VIEWS = (runs, draw)
