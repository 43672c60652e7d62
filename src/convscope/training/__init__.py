"""Teaching a net: recipe, schedule, step, loop. A training ends in a Run on disk."""
