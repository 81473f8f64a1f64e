"""Who may do what in compute: each rule under the name that operators' policy files use, with its default."""

from nacre.kernel.policy import (
    ADMIN,
    ANYBODY,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    Rule,
)

API = "os_compute_api:"
READER, MEMBER = PROJECT_READER_OR_ADMIN, PROJECT_MEMBER_OR_ADMIN
OWNER_OR_ADMIN = f"{ADMIN} or user_id:%(user_id)s"
SERVICE_OR_ADMIN = f"{ADMIN} or role:service"

_rules: list[Rule] = []


def _rule(name: str, default: str, description: str) -> Rule:
    full = name if name.startswith(("network:", "compute:")) else API + name
    rule = Rule(full, default, description)
    _rules.append(rule)
    return rule


# servers
INDEX = _rule("servers:index", READER, "List servers.")
DETAIL = _rule("servers:detail", READER, "List servers with details.")
INDEX_ALL = _rule("servers:index:get_all_tenants", ADMIN, "List the servers of all projects.")
DETAIL_ALL = _rule("servers:detail:get_all_tenants", ADMIN, "List the servers of all projects with details.")
ALL_FILTERS = _rule("servers:allow_all_filters", ADMIN, "Filter lists of servers by anything.")
SHOW = _rule("servers:show", READER, "Show a server.")
SHOW_HOST_STATUS = _rule("servers:show:host_status", ADMIN, "See the status of a server's host.")
SHOW_UNKNOWN_HOST_STATUS = _rule(
    "servers:show:host_status:unknown-only", ADMIN, "See that the status of a server's host is unknown."
)
SHOW_EXTRA_SPECS = _rule(
    "servers:show:flavor-extra-specs", READER, "See the extra specs of a server's flavor."
)
EXTENDED = _rule("os-extended-server-attributes", ADMIN, "See a server's host and other inner things.")
CREATE = _rule("servers:create", MEMBER, "Create a server.")
CREATE_ON_HOST = _rule("servers:create:forced_host", ADMIN, "Create a server on a host, unscheduled.")
CREATE_WITH_DESTINATION = _rule(
    "compute:servers:create:requested_destination", ADMIN, "Create a server on a host, scheduled."
)
CREATE_WITH_NETWORK = _rule("servers:create:attach_network", MEMBER, "Create a server with networks.")
CREATE_WITH_VOLUME = _rule("servers:create:attach_volume", MEMBER, "Create a server with volumes.")
CREATE_WITH_CERTIFICATES = _rule(
    "servers:create:trusted_certs", MEMBER, "Create a server with trusted image certificates."
)
CREATE_ZERO_DISK = _rule(
    "servers:create:zero_disk_flavor", ADMIN, "Create a server whose flavor has no disk."
)
EXTERNAL_NETWORK = _rule("network:attach_external_network", ADMIN, "Attach a server to an external network.")
UPDATE = _rule("servers:update", MEMBER, "Change a server.")
DELETE = _rule("servers:delete", MEMBER, "Delete a server.")
FORCE_DELETE = _rule("os-deferred-delete:force", MEMBER, "Delete a server at once.")
RESTORE = _rule("os-deferred-delete:restore", MEMBER, "Restore a server that is to be deleted.")

# actions
START = _rule("servers:start", MEMBER, "Start a server.")
STOP = _rule("servers:stop", MEMBER, "Stop a server.")
REBOOT = _rule("servers:reboot", MEMBER, "Reboot a server.")
REBUILD = _rule("servers:rebuild", MEMBER, "Rebuild a server from an image.")
RESIZE = _rule("servers:resize", MEMBER, "Resize a server.")
CONFIRM_RESIZE = _rule("servers:confirm_resize", MEMBER, "Confirm a server's new size.")
REVERT_RESIZE = _rule("servers:revert_resize", MEMBER, "Take back a server's new size.")
CREATE_IMAGE = _rule("servers:create_image", MEMBER, "Make an image of a server.")
CREATE_BACKUP = _rule("os-create-backup", MEMBER, "Make a backup of a server, one of a series.")
PAUSE = _rule("os-pause-server:pause", MEMBER, "Pause a server.")
UNPAUSE = _rule("os-pause-server:unpause", MEMBER, "Unpause a server.")
SUSPEND = _rule("os-suspend-server:suspend", MEMBER, "Suspend a server.")
RESUME = _rule("os-suspend-server:resume", MEMBER, "Resume a server.")
LOCK = _rule("os-lock-server:lock", MEMBER, "Lock a server.")
UNLOCK = _rule("os-lock-server:unlock", MEMBER, "Unlock a server.")
UNLOCK_ANY = _rule(
    "os-lock-server:unlock:unlock_override", ADMIN, "Unlock a server that somebody else locked."
)
RESCUE = _rule("os-rescue", MEMBER, "Boot a server from a rescue image.")
UNRESCUE = _rule("os-unrescue", MEMBER, "Boot a rescued server from its own disk again.")
CHANGE_PASSWORD = _rule("os-admin-password", MEMBER, "Set the password of a server's administrator.")
RESET_STATE = _rule("os-admin-actions:reset_state", ADMIN, "Set a server's state.")
INJECT_NETWORK = _rule("os-admin-actions:inject_network_info", ADMIN, "Look anew for a server's network.")
CONSOLE_OUTPUT = _rule("os-console-output", MEMBER, "Read a server's console.")
REMOTE_CONSOLES = _rule("os-remote-consoles", MEMBER, "Open a server's console.")
DIAGNOSTICS = _rule("os-server-diagnostics", ADMIN, "See what a server uses.")
TOPOLOGY = _rule("compute:server:topology:index", READER, "See how a server lies on its host.")
SERVER_PASSWORD_SHOW = _rule("os-server-password:show", READER, "See a server's encrypted password.")
SERVER_PASSWORD_CLEAR = _rule("os-server-password:clear", MEMBER, "Clear a server's encrypted password.")

# from host to host
MIGRATE = _rule("os-migrate-server:migrate", ADMIN, "Move a server to another host.")
MIGRATE_TO_HOST = _rule("os-migrate-server:migrate:host", ADMIN, "Say to which host a server is moved.")
MIGRATE_LIVE = _rule("os-migrate-server:migrate_live", ADMIN, "Move a running server to another host.")
MIGRATE_LIVE_TO_HOST = _rule(
    "os-migrate-server:migrate_live:host", ADMIN, "Say to which host a running server is moved."
)
EVACUATE = _rule("os-evacuate", ADMIN, "Have a server anew on another host, because its own has failed.")
SERVER_MIGRATIONS_INDEX = _rule("servers:migrations:index", ADMIN, "List a server's running migrations.")
SERVER_MIGRATIONS_SHOW = _rule("servers:migrations:show", ADMIN, "Show how far a server's migration is.")
SERVER_MIGRATIONS_FORCE = _rule("servers:migrations:force_complete", ADMIN, "Have a migration complete.")
SERVER_MIGRATIONS_ABORT = _rule("servers:migrations:delete", ADMIN, "Abort a running migration.")

# actions that this cloud does not offer
SHELVE = _rule("os-shelve:shelve", MEMBER, "Shelve a server.")
UNSHELVE = _rule("os-shelve:unshelve", MEMBER, "Unshelve a server.")
SHELVE_OFFLOAD = _rule("os-shelve:shelve_offload", ADMIN, "Take a shelved server off its host.")
CRASH_DUMP = _rule("servers:trigger_crash_dump", MEMBER, "Have a server's kernel crash and tell why.")
ADD_FIXED_IP = _rule("os-multinic:add", MEMBER, "Give a server another address.")
REMOVE_FIXED_IP = _rule("os-multinic:remove", MEMBER, "Take an address from a server.")

# what belongs to a server
METADATA_INDEX = _rule("server-metadata:index", READER, "List a server's metadata.")
METADATA_SHOW = _rule("server-metadata:show", READER, "Show one item of a server's metadata.")
METADATA_CREATE = _rule("server-metadata:create", MEMBER, "Add to a server's metadata.")
METADATA_REPLACE = _rule("server-metadata:update_all", MEMBER, "Replace a server's metadata.")
METADATA_UPDATE = _rule("server-metadata:update", MEMBER, "Change one item of a server's metadata.")
METADATA_DELETE = _rule("server-metadata:delete", MEMBER, "Delete one item of a server's metadata.")
TAGS_INDEX = _rule("os-server-tags:index", READER, "List a server's tags.")
TAGS_SHOW = _rule("os-server-tags:show", READER, "Check whether a server has a tag.")
TAGS_UPDATE = _rule("os-server-tags:update", MEMBER, "Add a tag to a server.")
TAGS_REPLACE = _rule("os-server-tags:update_all", MEMBER, "Replace a server's tags.")
TAGS_DELETE = _rule("os-server-tags:delete", MEMBER, "Delete one of a server's tags.")
TAGS_CLEAR = _rule("os-server-tags:delete_all", MEMBER, "Delete all of a server's tags.")
IPS_INDEX = _rule("ips:index", READER, "List a server's addresses.")
IPS_SHOW = _rule("ips:show", READER, "Show a server's addresses on one network.")
INTERFACES_LIST = _rule("os-attach-interfaces:list", READER, "List a server's interfaces.")
INTERFACES_SHOW = _rule("os-attach-interfaces:show", READER, "Show one of a server's interfaces.")
INTERFACES_CREATE = _rule("os-attach-interfaces:create", MEMBER, "Attach an interface to a server.")
INTERFACES_DELETE = _rule("os-attach-interfaces:delete", MEMBER, "Detach an interface from a server.")
GROUPS_OF_SERVER = _rule("os-security-groups:list", READER, "List a server's security groups.")
GROUPS_ADD = _rule("os-security-groups:add", MEMBER, "Add a security group to a server.")
GROUPS_REMOVE = _rule("os-security-groups:remove", MEMBER, "Remove a security group from a server.")
VOLUMES_INDEX = _rule("os-volumes-attachments:index", READER, "List a server's volumes.")
ACTIONS_LIST = _rule("os-instance-actions:list", READER, "List what was asked of a server.")
ACTIONS_SHOW = _rule("os-instance-actions:show", READER, "Show what was asked of a server.")
ACTIONS_EVENTS = _rule("os-instance-actions:events", ADMIN, "See the events of an action, with tracebacks.")
ACTIONS_EVENT_DETAILS = _rule(
    "os-instance-actions:events:details", ADMIN, "See the details of the events of an action."
)
EXTERNAL_EVENTS = _rule(
    "os-server-external-events:create", SERVICE_OR_ADMIN, "Tell compute of events elsewhere."
)

# flavors and key pairs
FLAVORS_READ = _rule("flavors", ANYBODY, "List and show flavors.")
FLAVORS_CREATE = _rule("os-flavor-manage:create", ADMIN, "Create a flavor.")
FLAVORS_UPDATE = _rule("os-flavor-manage:update", ADMIN, "Change a flavor.")
FLAVORS_DELETE = _rule("os-flavor-manage:delete", ADMIN, "Delete a flavor.")
FLAVOR_ACCESS = _rule("os-flavor-access", ADMIN, "See which projects may use a flavor.")
FLAVOR_ACCESS_ADD = _rule("os-flavor-access:add_tenant_access", ADMIN, "Let a project use a flavor.")
FLAVOR_ACCESS_REMOVE = _rule(
    "os-flavor-access:remove_tenant_access", ADMIN, "Let a project use a flavor no longer."
)
EXTRA_SPECS_INDEX = _rule("os-flavor-extra-specs:index", READER, "List a flavor's extra specs.")
EXTRA_SPECS_SHOW = _rule("os-flavor-extra-specs:show", READER, "Show one extra spec of a flavor.")
EXTRA_SPECS_CREATE = _rule("os-flavor-extra-specs:create", ADMIN, "Add extra specs to a flavor.")
EXTRA_SPECS_UPDATE = _rule("os-flavor-extra-specs:update", ADMIN, "Change an extra spec of a flavor.")
EXTRA_SPECS_DELETE = _rule("os-flavor-extra-specs:delete", ADMIN, "Delete an extra spec of a flavor.")
KEYPAIRS_INDEX = _rule("os-keypairs:index", OWNER_OR_ADMIN, "List key pairs.")
KEYPAIRS_SHOW = _rule("os-keypairs:show", OWNER_OR_ADMIN, "Show a key pair.")
KEYPAIRS_CREATE = _rule("os-keypairs:create", OWNER_OR_ADMIN, "Create a key pair.")
KEYPAIRS_DELETE = _rule("os-keypairs:delete", OWNER_OR_ADMIN, "Delete a key pair.")

# hosts, as operators see them
AGGREGATES_INDEX = _rule("os-aggregates:index", ADMIN, "List aggregates.")
AGGREGATES_SHOW = _rule("os-aggregates:show", ADMIN, "Show an aggregate.")
AGGREGATES_CREATE = _rule("os-aggregates:create", ADMIN, "Create an aggregate.")
AGGREGATES_UPDATE = _rule("os-aggregates:update", ADMIN, "Change an aggregate's name or zone.")
AGGREGATES_DELETE = _rule("os-aggregates:delete", ADMIN, "Delete an aggregate.")
AGGREGATES_ADD_HOST = _rule("os-aggregates:add_host", ADMIN, "Add a host to an aggregate.")
AGGREGATES_REMOVE_HOST = _rule("os-aggregates:remove_host", ADMIN, "Remove a host from an aggregate.")
AGGREGATES_SET_METADATA = _rule("os-aggregates:set_metadata", ADMIN, "Change an aggregate's metadata.")
ZONES_LIST = _rule("os-availability-zone:list", ANYBODY, "List availability zones.")
ZONES_DETAIL = _rule("os-availability-zone:detail", ADMIN, "List availability zones with their hosts.")
SERVICES_LIST = _rule("os-services:list", ADMIN, "List compute services.")
SERVICES_UPDATE = _rule("os-services:update", ADMIN, "Enable, disable or force down a compute service.")
SERVICES_DELETE = _rule("os-services:delete", ADMIN, "Forget a compute service.")
HYPERVISORS_LIST = _rule("os-hypervisors:list", ADMIN, "List hypervisors.")
HYPERVISORS_DETAIL = _rule("os-hypervisors:list-detail", ADMIN, "List hypervisors with details.")
HYPERVISORS_STATISTICS = _rule("os-hypervisors:statistics", ADMIN, "Show what all hypervisors have and use.")
HYPERVISORS_SHOW = _rule("os-hypervisors:show", ADMIN, "Show a hypervisor.")
HYPERVISORS_UPTIME = _rule("os-hypervisors:uptime", ADMIN, "Show how long a hypervisor has been up.")
HYPERVISORS_SEARCH = _rule("os-hypervisors:search", ADMIN, "Find hypervisors by hostname.")
HYPERVISORS_SERVERS = _rule("os-hypervisors:servers", ADMIN, "List the servers on hypervisors.")
HOSTS_LIST = _rule("os-hosts:list", ADMIN, "List hosts.")
HOSTS_SHOW = _rule("os-hosts:show", ADMIN, "Show what a host has and uses.")
HOSTS_UPDATE = _rule("os-hosts:update", ADMIN, "Enable or disable a host.")
HOSTS_START = _rule("os-hosts:start", ADMIN, "Start a host.")
HOSTS_SHUTDOWN = _rule("os-hosts:shutdown", ADMIN, "Shut a host down.")
HOSTS_REBOOT = _rule("os-hosts:reboot", ADMIN, "Reboot a host.")
MIGRATIONS_INDEX = _rule("os-migrations:index", ADMIN, "List migrations.")

# server groups
SERVER_GROUPS_INDEX = _rule("os-server-groups:index", READER, "List server groups.")
SERVER_GROUPS_ALL = _rule(
    "os-server-groups:index:all_projects", ADMIN, "List the server groups of everybody."
)
SERVER_GROUPS_SHOW = _rule("os-server-groups:show", READER, "Show a server group.")
SERVER_GROUPS_CREATE = _rule("os-server-groups:create", MEMBER, "Create a server group.")
SERVER_GROUPS_DELETE = _rule("os-server-groups:delete", MEMBER, "Delete a server group.")

# limits, quotas, usage
LIMITS = _rule("limits", ANYBODY, "Show the limits of one's own project.")
LIMITS_OTHERS = _rule("limits:other_project", ADMIN, "Show the limits of another project.")
QUOTAS_SHOW = _rule("os-quota-sets:show", READER, "Show a project's quotas.")
QUOTAS_DEFAULTS = _rule("os-quota-sets:defaults", ANYBODY, "Show the quotas of projects that have none set.")
QUOTAS_DETAIL = _rule("os-quota-sets:detail", READER, "Show a project's quotas and what it uses of them.")
QUOTAS_UPDATE = _rule("os-quota-sets:update", ADMIN, "Set a project's quotas.")
QUOTAS_DELETE = _rule("os-quota-sets:delete", ADMIN, "Return a project to the default quotas.")
QUOTA_CLASSES_SHOW = _rule("os-quota-class-sets:show", ADMIN, "Show the default quotas.")
QUOTA_CLASSES_UPDATE = _rule("os-quota-class-sets:update", ADMIN, "Set the default quotas.")
USAGE_LIST = _rule("os-simple-tenant-usage:list", ADMIN, "List what all projects used.")
USAGE_SHOW = _rule("os-simple-tenant-usage:show", READER, "Show what a project used.")
AUDIT_LOG_LIST = _rule("os-instance-usage-audit-log:list", ADMIN, "List usage audits.")
AUDIT_LOG_SHOW = _rule("os-instance-usage-audit-log:show", ADMIN, "Show the usage audits before a moment.")
CONSOLE_TOKENS = _rule("os-console-auth-tokens", ADMIN, "See what a console token opens.")

# what is passed on to other services, for clients of old
SECURITY_GROUPS_INDEX = _rule("os-security-groups:get", READER, "List security groups.")
SECURITY_GROUPS_SHOW = _rule("os-security-groups:show", READER, "Show a security group.")
SECURITY_GROUPS_CREATE = _rule("os-security-groups:create", MEMBER, "Create a security group.")
SECURITY_GROUPS_UPDATE = _rule("os-security-groups:update", MEMBER, "Change a security group.")
SECURITY_GROUPS_DELETE = _rule("os-security-groups:delete", MEMBER, "Delete a security group.")
SECURITY_GROUP_RULES_CREATE = _rule("os-security-groups:rule:create", MEMBER, "Add a rule to a group.")
SECURITY_GROUP_RULES_DELETE = _rule("os-security-groups:rule:delete", MEMBER, "Remove a rule from a group.")
FLOATING_IPS_LIST = _rule("os-floating-ips:list", READER, "List floating IPs.")
FLOATING_IPS_SHOW = _rule("os-floating-ips:show", READER, "Show a floating IP.")
FLOATING_IPS_CREATE = _rule("os-floating-ips:create", MEMBER, "Take a floating IP.")
FLOATING_IPS_DELETE = _rule("os-floating-ips:delete", MEMBER, "Give a floating IP back.")
FLOATING_IPS_ADD = _rule("os-floating-ips:add", MEMBER, "Have a floating IP lead to a server.")
FLOATING_IPS_REMOVE = _rule("os-floating-ips:remove", MEMBER, "Have a floating IP lead there no longer.")
FLOATING_IP_POOLS = _rule("os-floating-ip-pools", ANYBODY, "List where floating IPs are taken from.")
NETWORKS_LIST = _rule("os-networks:list", READER, "List networks.")
NETWORKS_SHOW = _rule("os-networks:show", READER, "Show a network.")
TENANT_NETWORKS_LIST = _rule("os-tenant-networks:list", READER, "List the networks of a project.")
TENANT_NETWORKS_SHOW = _rule("os-tenant-networks:show", READER, "Show a network of a project.")

# nacre's own
FINDINGS_SEE = _rule("nacre-findings:list", ADMIN, "See the drift that sweeps found.")
TIMELINES_SHOW = _rule(
    "nacre-timelines:show", ADMIN, "See the life of a server: requests, steps, hosts, errors."
)
FINDINGS_HEAL = _rule("nacre-findings:heal", ADMIN, "Begin sweeps, and heal what they left.")

EXTENSIONS = _rule("extensions", ANYBODY, "List the extensions of old.")

RULES: tuple[Rule, ...] = tuple(_rules)
