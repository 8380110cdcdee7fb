"""The payment gateway: a sandbox that speaks Stripe's protocol (https://docs.stripe.com/api) and keeps its state."""
