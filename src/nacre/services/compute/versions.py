"""The microversions of the compute API: what each one brought, and names for those that code asks for.

The sentences are ours; the numbers and their meaning are those of the Compute API's published history
("REST API Version History").  A number is listed when everything that it changed about resources served
here is implemented.
"""

from nacre.kernel.version import Version, Versions

TABLE = {
    "2.1": "The API as it began: the behaviour of v2 with strict validation of requests.",
    "2.2": "Key pairs have a type; creating one answers 201 and deleting one 204.",
    "2.3": "Administrators see more of a server: reservation, launch index, kernel, hostname, user data ...",
    "2.4": "A fixed IP tells whether it is reserved (the resource itself is gone).",
    "2.5": "Everybody may filter servers by ip6.",
    "2.6": "POST /servers/{id}/remote-consoles replaces the console actions.",
    "2.7": "Access to a public flavor cannot be granted: 409.",
    "2.8": "The console protocol mks.",
    "2.9": "Servers show whether they are locked.",
    "2.10": "Administrators manage the key pairs of other users.",
    "2.11": "Compute services can be forced down.",
    "2.12": "Virtual interfaces show their network (the resource itself is gone).",
    "2.13": "Server groups show their project and user.",
    "2.14": "Evacuate has no onSharedStorage any more.",
    "2.15": "Server groups may have the policies soft-affinity and soft-anti-affinity.",
    "2.16": "Servers show the status of their host.",
    "2.17": "The action trigger_crash_dump.",
    "2.18": "The project's id in paths is optional.",
    "2.19": "Servers have a description.",
    "2.20": "Volumes of shelved servers can be attached and detached.",
    "2.21": "The actions of deleted servers can be read.",
    "2.22": "A live migration can be forced to complete.",
    "2.23": "Migrations show their type, and running ones are listed per server.",
    "2.24": "A running live migration can be aborted.",
    "2.25": "Live migration finds out by itself whether disks must be copied.",
    "2.26": "Servers have tags.",
    "2.27": "The header OpenStack-API-Version.",
    "2.28": "The CPU of a hypervisor is an object, not text.",
    "2.29": "Evacuate checks a given host unless it is forced.",
    "2.30": "Live migration checks a given host unless it is forced.",
    "2.31": "Console tokens of every type can be looked up.",
    "2.32": "Networks and disks of a new server may have device tags.",
    "2.33": "Hypervisors are listed in pages.",
    "2.34": "Live migration is checked after the answer.",
    "2.35": "Key pairs are listed in pages.",
    "2.36": "The proxies to image, network and block storage are gone.",
    "2.37": "The networks of a new server must be said: a list, auto or none.",
    "2.38": "Filtering by a status that does not exist is refused.",
    "2.39": "The proxy for image metadata is gone.",
    "2.40": "Usage of projects is listed in pages.",
    "2.41": "Aggregates show their UUID.",
    "2.42": "Device tags of networks and disks work again at creation.",
    "2.43": "The hosts API is gone.",
    "2.44": "The actions for fixed and floating IPs are gone.",
    "2.45": "createImage and createBackup answer with the image's id in a body.",
    "2.46": "The header X-OpenStack-Request-ID.",
    "2.47": "Servers show what their flavor was when they were made, not a link to it.",
    "2.48": "Diagnostics have one format for all drivers.",
    "2.49": "Interfaces and volumes attached later may have device tags.",
    "2.50": "Quota classes know server groups.",
    "2.51": "Owners see the events of an action; volumes may report that they were extended.",
    "2.52": "Servers may be created with tags.",
    "2.53": "Services and hypervisors are named by UUID.",
    "2.54": "Rebuild may change the key pair.",
    "2.55": "Flavors have a description.",
    "2.56": "A cold migration may name its host.",
    "2.57": "Rebuild may change the user data; files can no longer be injected.",
    "2.58": "A server's actions are listed in pages, with the time of their last change.",
    "2.59": "Migrations are listed in pages and have a UUID.",
    "2.60": "Volumes may be attached to several servers.",
    "2.61": "Flavors show their extra specs.",
    "2.62": "Events of actions show the host.",
    "2.63": "Trusted image certificates.",
    "2.64": "A server group has one policy and rules for it.",
    "2.65": "A queued live migration can be aborted.",
    "2.66": "Lists filter by changes-before.",
    "2.67": "A new volume of a server may have a volume type.",
    "2.68": "Evacuation and live migration cannot be forced any more.",
    "2.69": "Servers of an unreachable cell are listed with what is known of them.",
    "2.70": "Attached interfaces and volumes show their device tag.",
    "2.71": "A server shows its server groups.",
    "2.72": "Ports that ask for resources can be given to new servers.",
    "2.73": "A lock may have a reason; lists filter and sort by the lock.",
    "2.74": "Administrators may name the host or hypervisor of a new server.",
    "2.75": "Unknown query parameters are refused; updating and rebuilding show a server whole.",
    "2.76": "The external event power-update.",
    "2.77": "Unshelving may name an availability zone.",
    "2.78": "The topology of a server.",
    "2.79": "An attached volume may be deleted with its server.",
    "2.80": "Migrations show and filter by user and project.",
    "2.81": "Images can be cached on the hosts of an aggregate.",
    "2.82": "The external event accelerator-request-bound.",
    "2.83": "Everybody may filter servers by more of their properties.",
    "2.84": "Events of actions have details.",
    "2.85": "Whether an attached volume is deleted with its server can be changed.",
    "2.86": "Extra specs of flavors are validated.",
    "2.87": "Servers that boot from a volume can be rescued.",
    "2.88": "Hypervisors no longer show what placement knows better.",
    "2.89": "Volume attachments show the attachment's id.",
    "2.90": "A server's hostname can be chosen and changed.",
    "2.91": "Unshelving may name a host.",
    "2.92": "Key pairs are imported, never generated; their names may hold @ and dots.",
    "2.93": "Servers that boot from a volume can be rebuilt.",
    "2.94": "A chosen hostname may be a domain name.",
    "2.95": "An evacuated server stays off.",
    "2.96": "A server shows the availability zone that it is pinned to.",
}

VERSIONS = Versions("compute", TABLE, legacy_header="X-OpenStack-Nova-API-Version")

KEYPAIR_TYPES = Version(2, 2)
PUBLIC_FLAVOR_ACCESS_REFUSED = Version(2, 7)
IP6_FOR_ALL = Version(2, 5)
KEYPAIR_USERS = Version(2, 10)
KEYPAIR_PAGES = Version(2, 35)
HOST_STATUS = Version(2, 16)
DESCRIPTIONS = Version(2, 19)
TAGS = Version(2, 26)
STRICT_STATUS = Version(2, 38)
IMAGE_ID_IN_BODY = Version(2, 45)
ACTION_EVENTS_FOR_ALL = Version(2, 51)
HYPERVISOR_PAGES = Version(2, 33)
USAGE_PAGES = Version(2, 40)
UUIDS_OF_HOSTS = Version(2, 53)
EMPTY_LISTS_OF_SERVERS = Version(2, 75)
CHECKED_LIVE_HOST = Version(2, 30)
LIVE_CHECKS_LATER = Version(2, 34)
EVACUATE_TELLS_NOTHING = Version(2, 14)
CHECKED_EVACUATION_HOST = Version(2, 29)
QUEUED_MIGRATIONS_ABORTED = Version(2, 65)
EVACUATED_STAY_OFF = Version(2, 95)
ACTION_PAGES = Version(2, 58)
MIGRATION_TYPES = Version(2, 23)
MIGRATION_PAGES = Version(2, 59)
MIGRATION_OWNERS = Version(2, 80)
EVENT_HOSTS = Version(2, 62)
CHANGES_BEFORE = Version(2, 66)
SHOWN_DEVICE_TAGS = Version(2, 70)
SERVER_GROUPS_SHOWN = Version(2, 71)
LOCK_REASONS = Version(2, 73)
STRICT_QUERIES = Version(2, 75)
MORE_FILTERS = Version(2, 83)
EVENT_DETAILS = Version(2, 84)
