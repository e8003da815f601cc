"""Phones: enrolment, keys and their life, who proves to be whom, push addresses."""
