"""Consumer groups: who reads which partition, and the offsets they committed."""
