"""The durable record of every session, train and pulse."""
