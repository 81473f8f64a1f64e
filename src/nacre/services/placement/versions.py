"""The microversions of the Placement API, and the turning points that code asks for by name."""

from nacre.kernel.version import Version, Versions

VERSIONS = Versions(
    "placement",
    {
        "1.0": "Providers, inventories, allocations, usages.",
        "1.1": "Aggregates of a provider.",
        "1.2": "Custom resource classes.",
        "1.3": "List providers by aggregate.",
        "1.4": "List providers by room for resources.",
        "1.5": "Delete all inventories of a provider.",
        "1.6": "Traits.",
        "1.7": "PUT makes a resource class and may be repeated.",
        "1.8": "Allocations name a project and a user.",
        "1.9": "Usages of a project.",
        "1.10": "Allocation candidates.",
        "1.11": "Providers link to their allocations.",
        "1.12": "Allocations are objects keyed by provider.",
        "1.13": "Allocations of several consumers at once.",
        "1.14": "Providers form trees.",
        "1.15": "Answers say when they were last modified.",
        "1.16": "Candidates can be limited.",
        "1.17": "Candidates can be required to have traits.",
        "1.18": "Providers can be listed by traits.",
        "1.19": "Aggregates are guarded by the provider's generation.",
        "1.20": "Creating a provider returns it.",
        "1.21": "Candidates can be bound to aggregates.",
        "1.22": "Traits can be forbidden.",
        "1.23": "Errors carry a code.",
        "1.24": "member_of may be repeated.",
        "1.25": "Granular groups of resources.",
        "1.26": "All of an inventory may be reserved.",
        "1.27": "Provider summaries name all resource classes.",
        "1.28": "Consumers have generations.",
        "1.29": "Candidates consider trees.",
        "1.30": "Reshape inventories and allocations at once.",
        "1.31": "Candidates can be bound to a tree.",
        "1.32": "Aggregates can be forbidden.",
        "1.33": "Groups have names.",
        "1.34": "Candidates say which group each provider serves.",
        "1.35": "Traits can be required of a tree's root.",
        "1.36": "Groups can be bound to one subtree.",
        "1.37": "A provider can move to another tree.",
        "1.38": "Consumers have types.",
        "1.39": "One of several traits can be required.",
    },
)

IDEMPOTENT_CLASSES = Version(1, 7)
OWNED_ALLOCATIONS = Version(1, 8)
ALLOCATION_LINKS = Version(1, 11)
KEYED_ALLOCATIONS = Version(1, 12)
TREES = Version(1, 14)
LAST_MODIFIED = Version(1, 15)
CANDIDATE_TRAITS = Version(1, 17)
LIST_BY_TRAITS = Version(1, 18)
GUARDED_AGGREGATES = Version(1, 19)
RETURN_PROVIDER = Version(1, 20)
CANDIDATE_AGGREGATES = Version(1, 21)
FORBIDDEN_TRAITS = Version(1, 22)
ERROR_CODES = Version(1, 23)
REPEATED_MEMBER_OF = Version(1, 24)
GRANULAR = Version(1, 25)
ALL_RESERVED = Version(1, 26)
FULL_SUMMARIES = Version(1, 27)
CONSUMER_GENERATIONS = Version(1, 28)
CANDIDATE_TREES = Version(1, 29)
CANDIDATES_IN_TREE = Version(1, 31)
FORBIDDEN_AGGREGATES = Version(1, 32)
NAMED_GROUPS = Version(1, 33)
MAPPINGS = Version(1, 34)
ROOT_REQUIRED = Version(1, 35)
SAME_SUBTREE = Version(1, 36)
REPARENTING = Version(1, 37)
CONSUMER_TYPES = Version(1, 38)
ANY_TRAIT = Version(1, 39)
