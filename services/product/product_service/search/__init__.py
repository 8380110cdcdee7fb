"""Search in Elasticsearch: an index that is fed by events and can always be built anew from the database."""
