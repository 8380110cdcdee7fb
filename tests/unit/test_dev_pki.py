"""Certificates that the control plane and its clients accept."""

import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from storefront_dev.pki import Authority, signing_key


def test_a_certificate_is_signed_by_its_authority_for_its_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue("server", user="kube-apiserver", names=["localhost", "127.0.0.1"])

    root = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    verifiers = PolicyBuilder().store(Store([root]))
    for name in (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))):
        assert verifiers.build_server_verifier(name).verify(certificate, [])[-1] == root


def test_user_and_groups_are_what_kubernetes_reads(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ca").issue("admin", user="kubernetes-admin", groups=["system:masters", "b"])
    subject = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).subject
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [
        "kubernetes-admin"
    ]
    groups = [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert groups == ["system:masters", "b"]


def test_what_was_issued_stays(tmp_path: Path) -> None:
    first = Authority(tmp_path, "ca").issue("node", user="system:node:node1").certificate.read_bytes()
    assert Authority(tmp_path, "ca").issue("node", user="system:node:node1").certificate.read_bytes() == first


def test_a_pair_that_a_crash_left_half_written_is_made_anew(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    (tmp_path / "node.key").write_text("half")
    pair = authority.issue("node", user="system:node:node1")
    assert pair.key.read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pairs = [authority.pair, authority.issue("node", user="n"), signing_key(tmp_path, "service-account")]
    assert [pair.key.stat().st_mode & 0o777 for pair in pairs] == [0o600] * 3
