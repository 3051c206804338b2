"""Events pushed to companies' own programs, by Standard Webhooks (https://www.standardwebhooks.com).

`endpoints` has what people do with them, `deliveries` makes deliveries of sealed events and gives endpoints their turns, `sender` is the
thread that does so fairly, `posting` sends one message and no further than `addresses` allows, `signing` has secrets and signatures.
"""
