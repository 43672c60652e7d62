"""Every error that a user can act on.

ConvscopeError                something is wrong, and the message says what to do
├── StackError                a net's text is wrong; knows the line and the column
├── GeometryError             sizes that do not fit: a kernel larger than its picture
├── KernelError               a kernel that is not there, or text that is none
├── PictureError              a file that is no picture, or too large to open safely
├── SourceError               no pictures where pictures were promised
├── RunError                  a Run folder that is missing, damaged, in use or too new
├── RecipeError               a training knob that does not exist or is out of range
├── MethodError               a method of the contest that there is not, or pictures that none fits
├── ExportError               a net that cannot be written for another program, or not to the same answers
├── TrackError                a tracker that there is not, or a server that does not answer
├── DeviceError               a device whose memory is too small, or that cannot do what was asked
├── WorkersError              workers that cannot train together, or one that is gone (LostWorkerError)
└── DivergedError             a training whose loss is no longer a number

A message is one line: what was wanted, what came, where, and what to do about it. The command line
prints it after `convscope:` and ends with exit code 1; a library user catches `ConvscopeError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 24
"""So many names are listed in an error."""


class ConvscopeError(Exception):
    """Something is wrong that the user can act on; the message is one line and says how."""


class StackError(ConvscopeError):
    """A net's text does not say a net.

    `line` and `column` count from 1 and point at the word that is wrong; both are 0 where the
    whole text is meant.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0):
        super().__init__(f"line {line}, column {column}: {message}" if line else message)
        self.line = line
        self.column = column


class GeometryError(ConvscopeError):
    """Sizes that do not fit one another, such as a kernel larger than its padded picture."""


class KernelError(ConvscopeError):
    """A kernel that there is not, text that says none, or a kernel that does not fit its picture's channels."""


class PictureError(ConvscopeError):
    """A file that is no readable picture, or one too large to be opened safely."""


class SourceError(ConvscopeError):
    """A source of pictures that is not there, is empty, or failed its checksum."""


class RunError(ConvscopeError):
    """A Run folder that is missing, damaged, in use, or written by a newer version."""


class RecipeError(ConvscopeError):
    """A training knob that does not exist, or a value outside its range."""


class MethodError(ConvscopeError):
    """A method of the contest that there is not, or pictures that no method is made for."""


class ExportError(ConvscopeError):
    """A net that cannot be written in another program's format, or would not give the same answers there."""


class TrackError(ConvscopeError):
    """A tracker that there is not, or a tracking server that does not answer."""


class DeviceError(ConvscopeError):
    """A device whose memory is too small for what it should compute, or that cannot compute it as was asked."""


class WorkersError(ConvscopeError):
    """Processes that cannot train together, or of which one is gone."""


class LostWorkerError(WorkersError):
    """Another worker is gone; the last saved state is whole."""


class DivergedError(ConvscopeError):
    """The loss became NaN or infinite; the last good state is kept in the Run."""


def instead(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """What to write in place of a name that there is not: the one most like it, else `otherwise` or what there is.

    >>> instead("lenet9", ["lenet5", "digits"]), instead("x", ["lenet5", "digits"])
    ('did you mean lenet5?', 'there are lenet5, digits')
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"did you mean {near[0]}?" if near else otherwise or f"there are {', '.join(known[:SHOWN])}{more}"
