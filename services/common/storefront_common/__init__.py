"""What the Storefront microservices share."""
