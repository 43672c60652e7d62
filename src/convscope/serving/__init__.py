"""What listens: the gate that the page shares, and the prediction service."""
