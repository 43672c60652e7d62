"""Looking inside a net: what every layer is given, says, and sees."""
