"""Who may use placement: administrators and services; a project's readers may see its usages."""

from nacre.kernel.policy import Rule

ADMIN_OR_SERVICE = "role:admin or role:service"
USAGES = "role:admin or role:service or (role:reader and project_id:%(project_id)s)"


def _rule(name: str, description: str, default: str = ADMIN_OR_SERVICE) -> Rule:
    return Rule(f"placement:{name}", default, description)


LIST_PROVIDERS = _rule("resource_providers:list", "List resource providers.")
CREATE_PROVIDER = _rule("resource_providers:create", "Create a resource provider.")
SHOW_PROVIDER = _rule("resource_providers:show", "Show a resource provider.")
UPDATE_PROVIDER = _rule("resource_providers:update", "Rename or move a resource provider.")
DELETE_PROVIDER = _rule("resource_providers:delete", "Delete a resource provider.")
LIST_CLASSES = _rule("resource_classes:list", "List resource classes.")
CREATE_CLASS = _rule("resource_classes:create", "Create a custom resource class.")
SHOW_CLASS = _rule("resource_classes:show", "Show a resource class.")
UPDATE_CLASS = _rule("resource_classes:update", "Create or rename a custom resource class.")
DELETE_CLASS = _rule("resource_classes:delete", "Delete a custom resource class.")
LIST_INVENTORIES = _rule("resource_providers:inventories:list", "List a provider's inventories.")
CREATE_INVENTORY = _rule("resource_providers:inventories:create", "Add one inventory to a provider.")
SHOW_INVENTORY = _rule("resource_providers:inventories:show", "Show one inventory of a provider.")
UPDATE_INVENTORY = _rule("resource_providers:inventories:update", "Replace inventories of a provider.")
DELETE_INVENTORY = _rule("resource_providers:inventories:delete", "Delete inventories of a provider.")
LIST_AGGREGATES = _rule("resource_providers:aggregates:list", "List a provider's aggregates.")
UPDATE_AGGREGATES = _rule("resource_providers:aggregates:update", "Replace a provider's aggregates.")
PROVIDER_USAGES = _rule("resource_providers:usages", "Show what is used of a provider.")
PROJECT_USAGES = _rule("usages", "Show what a project uses.", USAGES)
LIST_TRAITS = _rule("traits:list", "List traits.")
SHOW_TRAIT = _rule("traits:show", "Show whether a trait exists.")
UPDATE_TRAIT = _rule("traits:update", "Create a custom trait.")
DELETE_TRAIT = _rule("traits:delete", "Delete a custom trait.")
LIST_PROVIDER_TRAITS = _rule("resource_providers:traits:list", "List a provider's traits.")
UPDATE_PROVIDER_TRAITS = _rule("resource_providers:traits:update", "Replace a provider's traits.")
DELETE_PROVIDER_TRAITS = _rule("resource_providers:traits:delete", "Take all traits from a provider.")
MANAGE_ALLOCATIONS = _rule("allocations:manage", "Write allocations of several consumers.")
LIST_ALLOCATIONS = _rule("allocations:list", "Show a consumer's allocations.")
UPDATE_ALLOCATIONS = _rule("allocations:update", "Write a consumer's allocations.")
DELETE_ALLOCATIONS = _rule("allocations:delete", "Remove a consumer's allocations.")
PROVIDER_ALLOCATIONS = _rule("resource_providers:allocations:list", "List allocations of a provider.")
CANDIDATES = _rule("allocation_candidates:list", "List allocation candidates.")
RESHAPE = _rule("reshaper:reshape", "Change inventories and allocations at once.")
FINDINGS_SEE = _rule("nacre_findings:list", "See the drift that sweeps found.")
FINDINGS_HEAL = _rule("nacre_findings:heal", "Begin sweeps, and heal what they left.")

RULES = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
