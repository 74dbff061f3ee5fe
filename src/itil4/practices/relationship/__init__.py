"""Relationship management: customers and who else has a stake, everything said with them, and what comes of it.

This is where customer relationship management (CRM) lives. `accounts` and `contacts` are whom we deal with,
`interactions` what was said, `surveys` how satisfied they are, `complaints` what they hold against us, `stakeholders`
who else matters, `leads` and `opportunities` what may become business. `relating` is what they share, `policy` what an
organization decides, `figures` what is measured.
"""
