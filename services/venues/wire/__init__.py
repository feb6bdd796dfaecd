"""What every venue over real sockets shares: requests, streams, budgets, numbers, errors."""
