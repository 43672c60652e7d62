"""Checks annotations while tests run, the shapes of arrays among them: jaxtyping's hook calls this on every function."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is welcome where a float is
