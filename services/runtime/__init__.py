"""Clock readings, backoff, rate limits, logging: small tools without trading knowledge."""
