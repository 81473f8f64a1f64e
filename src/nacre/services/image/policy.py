"""Who may do what with images: members with what is their project's, readers with what they may see."""

from nacre.kernel.policy import (
    ADMIN,
    ANYBODY,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    SERVICE,
    Rule,
)

SEEN = (
    "project_id:%(project_id)s or project_id:%(member_id)s or "
    "'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s"
)
READER_OF_IMAGE = f"{ADMIN} or (role:reader and ({SEEN}))"
MEMBER_OF_IMAGE = f"{ADMIN} or (role:member and ({SEEN}))"
READER_OR_CONSUMER = f"{ADMIN} or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))"
CONSUMER = f"{ADMIN} or (role:member and project_id:%(member_id)s)"

GET_IMAGES = Rule("get_images", PROJECT_READER_OR_ADMIN, "List images.")
GET_IMAGE = Rule("get_image", READER_OF_IMAGE, "Show an image.")
ADD_IMAGE = Rule("add_image", PROJECT_MEMBER_OR_ADMIN, "Create an image.")
MODIFY_IMAGE = Rule("modify_image", PROJECT_MEMBER_OR_ADMIN, "Change an image.")
DELETE_IMAGE = Rule("delete_image", PROJECT_MEMBER_OR_ADMIN, "Delete an image.")
PUBLICIZE_IMAGE = Rule("publicize_image", ADMIN, "Let everybody see an image in lists.")
COMMUNITIZE_IMAGE = Rule("communitize_image", PROJECT_MEMBER_OR_ADMIN, "Let everybody use an image.")
DOWNLOAD_IMAGE = Rule("download_image", MEMBER_OF_IMAGE, "Download an image's data.")
UPLOAD_IMAGE = Rule("upload_image", PROJECT_MEMBER_OR_ADMIN, "Upload, stage or import an image's data.")
DEACTIVATE = Rule("deactivate", PROJECT_MEMBER_OR_ADMIN, "Take an image's data out of use.")
REACTIVATE = Rule("reactivate", PROJECT_MEMBER_OR_ADMIN, "Put an image's data back into use.")
GET_MEMBER = Rule("get_member", READER_OR_CONSUMER, "Show one project that an image is shared with.")
GET_MEMBERS = Rule("get_members", READER_OR_CONSUMER, "List the projects that an image is shared with.")
ADD_MEMBER = Rule("add_member", PROJECT_MEMBER_OR_ADMIN, "Share an image with a project.")
MODIFY_MEMBER = Rule(
    "modify_member", CONSUMER, "Accept or reject an image that is shared with one's project."
)
DELETE_MEMBER = Rule("delete_member", PROJECT_MEMBER_OR_ADMIN, "Share an image with a project no longer.")
STORES_DETAIL = Rule("stores_info_detail", ADMIN, "Show how the image stores are configured.")
GET_TASKS = Rule("get_tasks", ANYBODY, "List one's own tasks.")
GET_TASK = Rule("get_task", ANYBODY, "Show one of one's own tasks.")
ADD_TASK = Rule("add_task", ANYBODY, "Create a task.")
TASKS_ACCESS = Rule("tasks_api_access", ADMIN, "Use the tasks API at all.")
ISSUE_TICKET = Rule(
    "nacre:issue_ticket",
    f"{ADMIN} or {SERVICE}",
    "Get a ticket by which a host fetches or sends an image's data.",
)

READER_OF_NAMESPACE = f"{ADMIN} or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"


GET_NAMESPACE = Rule("get_metadef_namespace", READER_OF_NAMESPACE, "Show a namespace of definitions.")
GET_NAMESPACES = Rule("get_metadef_namespaces", PROJECT_READER_OR_ADMIN, "List namespaces.")
ADD_NAMESPACE = Rule("add_metadef_namespace", ADMIN, "Create a namespace.")
MODIFY_NAMESPACE = Rule("modify_metadef_namespace", ADMIN, "Change a namespace.")
DELETE_NAMESPACE = Rule("delete_metadef_namespace", ADMIN, "Delete a namespace.")
GET_OBJECT = Rule("get_metadef_object", READER_OF_NAMESPACE, "Show the definition of an object.")
GET_OBJECTS = Rule("get_metadef_objects", READER_OF_NAMESPACE, "List definitions of objects.")
ADD_OBJECT = Rule("add_metadef_object", ADMIN, "Define an object.")
MODIFY_OBJECT = Rule("modify_metadef_object", ADMIN, "Change the definition of an object.")
DELETE_OBJECT = Rule("delete_metadef_object", ADMIN, "Delete the definition of an object.")
GET_PROPERTY = Rule("get_metadef_property", READER_OF_NAMESPACE, "Show the definition of a property.")
GET_PROPERTIES = Rule("get_metadef_properties", READER_OF_NAMESPACE, "List definitions of properties.")
ADD_PROPERTY = Rule("add_metadef_property", ADMIN, "Define a property.")
MODIFY_PROPERTY = Rule("modify_metadef_property", ADMIN, "Change the definition of a property.")
DELETE_PROPERTY = Rule("remove_metadef_property", ADMIN, "Delete the definition of a property.")
GET_TAG = Rule("get_metadef_tag", READER_OF_NAMESPACE, "Show the definition of a tag.")
GET_TAGS = Rule("get_metadef_tags", READER_OF_NAMESPACE, "List definitions of tags.")
ADD_TAG = Rule("add_metadef_tag", ADMIN, "Define a tag.")
ADD_TAGS = Rule("add_metadef_tags", ADMIN, "Replace all definitions of tags.")
MODIFY_TAG = Rule("modify_metadef_tag", ADMIN, "Change the definition of a tag.")
DELETE_TAG = Rule("delete_metadef_tag", ADMIN, "Delete the definition of a tag.")
DELETE_TAGS = Rule("delete_metadef_tags", ADMIN, "Delete all definitions of tags.")
LIST_RESOURCE_TYPES = Rule("list_metadef_resource_types", READER_OF_NAMESPACE, "List types of resources.")
GET_RESOURCE_TYPES = Rule(
    "get_metadef_resource_type", READER_OF_NAMESPACE, "List the types of resources that a namespace is for."
)
ADD_RESOURCE_TYPE = Rule(
    "add_metadef_resource_type_association", ADMIN, "Say that a namespace is for a type of resources."
)
REMOVE_RESOURCE_TYPE = Rule(
    "remove_metadef_resource_type_association", ADMIN, "Say that a namespace is not for a type of resources."
)
FINDINGS_SEE = Rule("nacre_findings:list", ADMIN, "See the drift that sweeps found.")
FINDINGS_HEAL = Rule("nacre_findings:heal", ADMIN, "Begin sweeps, and heal what they left.")

RULES = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
