"""Events over RabbitMQ that are neither lost nor done twice: outbox, inbox, retries and dead letters."""
