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

RULES = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
