"""Pictures with labels: where they come from, how they are read safely, how they are brought to a net's size."""
