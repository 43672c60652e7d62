"""Feature maps as pictures: film that glows green where a kernel matches and turns purple at its opposite."""
