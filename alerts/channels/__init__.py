"""One channel beside mail a file; `kind = "sms"` under [channels.NAME] of city.toml means `alerts/channels/sms.py`.

A channel has
- `Options`: the model of its options; an unknown key is a fault. A secret is written `env:NAME` and read from that
  variable of the environment, or from the file that NAME_FILE names; never from the city folder.
- `compile(options) -> Options`: raises ValueError where the options cannot work.
- `write(message, options) -> bytes`: the body, frozen in the outbox; every attempt sends these bytes.
- `request(letter, options, secret, now) -> web.Request`: where it goes; `secret("env:NAME")` is that secret's text.
- `meaning(answer, options) -> Result`: what the gateway's answer says; `web.meaning` for what they have in common.

They share the outbox with mail: claimed, sent at least once, the same id in every attempt (as idempotency key where the
gateway knows one), tried again after 15 s, 1, 3, 10, 30 min, then hourly for a day, `Retry-After` heeded.

Who may make us ask whom (SSRF): addresses come from city.toml alone, which its owners review; a contact's `to` and all
texts from feeds only fill a body or a query, quoted. Redirects are refused, since they would take a secret elsewhere.
Link-local addresses (where clouds keep credentials), multicast and 0.0.0.0 are refused after the name was looked up,
and the connection goes to the very address that was judged. Private networks are allowed: a city's gateway is there.
"""

from __future__ import annotations
