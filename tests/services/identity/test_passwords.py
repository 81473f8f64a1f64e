"""Passwords: hashes of any origin, rules for new ones, lock-outs."""

import base64
import hashlib
import hmac

import bcrypt
import pytest
from sqlalchemy import update

from nacre.services.identity.app.passwords import Passwords
from nacre.services.identity.config import IdentityOptions
from nacre.services.identity.db.tables import users

CHEAP = IdentityOptions(argon2_memory_kib=8, argon2_passes=1)


def b64(raw):
    return base64.b64encode(raw).decode().rstrip("=")


def scrypt_hash(password):
    salt = b"0123456789abcdef"
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**4, r=8, p=1, dklen=32)
    return f"$scrypt$ln=4,r=8,p=1${b64(salt)}${b64(digest)}"


def pbkdf2_hash(password):
    salt = b"0123456789abcdef"
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 1000, 64)
    return f"$pbkdf2-sha512$1000${b64(salt).replace('+', '.')}${b64(digest).replace('+', '.')}"


def bcrypt_hash(password):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def bcrypt_sha256_hash(password):
    salt = bcrypt.gensalt(4).decode().split("$")[3]
    mac = hmac.new(salt.encode(), password.encode(), hashlib.sha256).digest()
    whole = bcrypt.hashpw(base64.b64encode(mac), f"$2b$04${salt}".encode()).decode()
    return f"$bcrypt-sha256$v=2,t=2b,r=4${salt}${whole[29:]}"


FOREIGN = [scrypt_hash, pbkdf2_hash, bcrypt_hash, bcrypt_sha256_hash]


@pytest.mark.parametrize("make", FOREIGN)
def test_hashes_of_other_origin_are_verified(make):
    passwords = Passwords(CHEAP)
    stored = make("sécret")
    assert passwords.verify("sécret", stored)
    assert not passwords.verify("secret", stored)
    assert passwords.needs_rehash(stored)


def test_a_hash_of_passlib_is_verified():
    # Made by passlib.hash.bcrypt_sha256 1.7.4 of the password "password"; its documentation's example.
    stored = "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"
    assert Passwords(CHEAP).verify("password", stored)


@pytest.mark.parametrize(
    "stored",
    ["", "x", "$", "$argon2id$", "$scrypt$a$b$c", "$2b$", "$pbkdf2-sha512$x$y$z", "$bcrypt-sha256$v=1$a$b"],
)
def test_what_cannot_be_read_fits_nothing(stored):
    assert not Passwords(CHEAP).verify("x", stored)


def test_costs_that_changed_ask_for_a_new_hash():
    stored = Passwords(CHEAP).hash("x")
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert not Passwords(CHEAP).needs_rehash(stored)
    assert Passwords(IdentityOptions(argon2_memory_kib=16, argon2_passes=1)).needs_rehash(stored)


def test_the_defaults_are_those_that_owasp_recommends():
    assert Passwords(IdentityOptions()).hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("make", FOREIGN)
def test_a_login_replaces_a_foreign_hash(cloud, member, root, log_in, make):
    db = cloud.process.services["identity"].db
    name = root.get(f"/users/{member.user_id}")["user"]["name"]

    def stored(tx):
        return tx.scalar(
            users.select().with_only_columns(users.c.password_hash).where(users.c.id == member.user_id)
        )

    db.run(
        lambda tx: tx.execute(
            update(users).where(users.c.id == member.user_id).values(password_hash=make("old"))
        )
    )
    log_in(name, "old")
    assert db.read(stored).startswith("$argon2id$")
    log_in(name, "old")


def attempt(cloud, user_id, password):
    identity = {"methods": ["password"], "password": {"user": {"id": user_id, "password": password}}}
    return cloud.anonymous.post("identity", "/v3/auth/tokens", {"auth": {"identity": identity}})


def change(cloud, user_id, old, new):
    body = {"user": {"original_password": old, "password": new}}
    return cloud.anonymous.post("identity", f"/v3/users/{user_id}/password", body)


def test_users_change_their_passwords_and_their_tokens_end(cloud, member):
    assert change(cloud, member.user_id, "wrong", "new").status == 401
    assert member.get("identity", "/v3/auth/catalog").status == 200
    assert change(cloud, member.user_id, "a user's password", "new").status == 204
    assert member.get("identity", "/v3/auth/catalog").status == 401
    assert attempt(cloud, member.user_id, "a user's password").status == 401
    assert attempt(cloud, member.user_id, "new").status == 201


def test_passwords_are_never_shown(root, member):
    user = root.patch(f"/users/{member.user_id}", {"user": {"password": "x"}})["user"]
    assert not {"password", "password_hash"} & set(user)
