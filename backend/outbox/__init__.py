"""Messages to send, stored with the act that caused them; implements notifications' `Store`."""
