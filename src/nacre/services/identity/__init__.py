"""Identity: who somebody is, what they may use, and where the cloud's services are found.

It keeps domains, projects, users, groups and roles; checks passwords and other proofs; and
issues the tokens that every other service asks it about.  It speaks OpenStack's Identity API v3.
A token is not stored anywhere: it is an encrypted note of who asked for what until when, and it
is read together with the tables at every validation, so taking a role away holds at once.
"""
