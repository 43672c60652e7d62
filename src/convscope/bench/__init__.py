"""This machine against its own limits: products, copies, and how fast nets are taught."""
