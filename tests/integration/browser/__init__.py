"""The dashboard as people have it: in a browser, on a real RabbitMQ."""
