"""The services that hold data of people besides this one, and answer when it is to be erased or exported."""

SERVICES = ("order", "payment")
