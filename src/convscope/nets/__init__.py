"""What a net is: text, the records parsed from it, and the PyTorch module built from those."""
