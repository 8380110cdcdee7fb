"""The payment service: it charges what orders cost, gives it back, and keeps books about both."""
