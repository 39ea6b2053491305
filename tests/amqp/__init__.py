"""AMQP by hand: streams of bytes as a broker sends them, and a broker that follows a script."""
