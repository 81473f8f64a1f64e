"""Key pairs: imported, generated, listed by user."""

from cryptography import x509
from cryptography.hazmat.primitives import serialization

PATH = "/os-keypairs"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGUOHe5KgKHNRUrmgVjFB0sNTZEiNUYBCAPNxVCLLnUy somebody@somewhere"


def import_key(user, name="k", version="2.2", **fields):
    return user.post(PATH, {"keypair": {"name": name, "public_key": KEY, **fields}}, version=version)


def test_a_key_is_imported_shown_and_deleted(member):
    made = import_key(member)
    assert made.status == 201
    assert set(made.json["keypair"]) == {"name", "public_key", "fingerprint", "user_id", "type"}
    assert made.json["keypair"]["fingerprint"].count(":") == 15
    shown = member.get(f"{PATH}/k", version="2.10").json["keypair"]
    assert shown["public_key"] == KEY
    assert {"id", "created_at", "updated_at", "deleted", "deleted_at", "user_id"} < set(shown)
    assert member.delete(f"{PATH}/k", version="2.2").status == 204
    gone = member.get(f"{PATH}/k")
    assert (gone.status, gone.json["itemNotFound"]["message"]) == (404, "Keypair k not found for user u1")


def test_codes_of_old(member):
    assert import_key(member, version="2.1").status == 200
    assert member.delete(f"{PATH}/k").status == 202


def test_generated_keys_answer_their_private_half_once(member):
    made = member.post(PATH, {"keypair": {"name": "mine"}}, version="2.91").json["keypair"]
    assert made["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert made["public_key"].startswith("ssh-rsa ")
    assert "private_key" not in member.get(f"{PATH}/mine").json["keypair"]
    assert member.post(PATH, {"keypair": {"name": "mine2"}}, version="2.92").status == 400


def test_generated_certificates(member):
    body = {"keypair": {"name": "windows", "type": "x509"}}
    made = member.post(PATH, body, version="2.2").json["keypair"]
    certificate = x509.load_pem_x509_certificate(made["public_key"].encode())
    private = serialization.load_pem_private_key(made["private_key"].encode(), None)
    assert certificate.public_key() == private.public_key()
    certificate.verify_directly_issued_by(certificate)
    assert (made["type"], made["fingerprint"].count(":")) == ("x509", 19)
    again = {"keypair": {"name": "again", "type": "x509", "public_key": made["public_key"]}}
    imported = member.post(PATH, again, version="2.2").json["keypair"]
    assert imported["fingerprint"] == made["fingerprint"]


def test_names_are_taken_once_per_user(member, stranger):
    import_key(member)
    again = import_key(member)
    assert (again.status, again.json["conflictingRequest"]["message"]) == (
        409, "Key pair 'k' already exists.",
    )  # fmt: skip
    assert import_key(stranger).status == 201


def test_bad_keys_and_names(member):
    for fields in ({"public_key": "ssh-rsa nonsense"}, {"public_key": "x"}, {"name": "k/"}, {"type": "pgp"}):
        body = {"keypair": {"name": "k", "public_key": KEY, **fields}}
        assert member.post(PATH, body, version="2.2").status == 400, fields
    assert import_key(member, "me@host.org", version="2.91").status == 400
    assert import_key(member, "me@host.org", version="2.92").status == 201


def test_lists_in_pages_and_other_users(admin, member):
    for name in ("a", "b", "c"):
        import_key(member, name)
    listed = member.get(f"{PATH}?limit=2", version="2.35").json
    assert [each["keypair"]["name"] for each in listed["keypairs"]] == ["a", "b"]
    assert "marker=b" in listed["keypairs_links"][0]["href"]
    assert set(listed["keypairs"][0]["keypair"]) == {"name", "type", "public_key", "fingerprint"}
    assert admin.get(PATH).json["keypairs"] == []
    assert len(admin.get(f"{PATH}?user_id=u1", version="2.10").json["keypairs"]) == 3
    assert member.get(f"{PATH}?user_id=u0", version="2.10").status == 403
    assert admin.get(f"{PATH}/a?user_id=u1", version="2.10").status == 200


def test_the_quota_is_the_users(member):
    for number in range(100):
        assert import_key(member, f"k{number}").status == 201
    over = import_key(member, "one-more")
    assert (over.status, over.json["forbidden"]["message"]) == (403, "Quota exceeded, too many key pairs.")
