"""Description of prepared data, with warnings about likely faults."""
