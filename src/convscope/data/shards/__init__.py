"""Pictures in WebDataset shards: written from any source, checked, and brought from a folder, HTTP or S3."""
