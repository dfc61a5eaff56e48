//! The authority through its files and its certificates. The signing requests in `fixtures/` were written
//! by OpenSSL.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rcgen::{CertificateParams, SigningKey as _};
use tempfile::TempDir;

use super::{device::parsed, *};
use crate::entropy::OsEntropy;

const NOW: Millis = 1_780_000_000_000;
const DAY: Millis = 86_400_000;
const RSA: &[u8] = include_bytes!("fixtures/rsa.csr");
const P521: &[u8] = include_bytes!("fixtures/p521.csr");
/// Asks to be a CA, under another name, for another device, with an extension that nobody expects.
const GREEDY: &[u8] = include_bytes!("fixtures/greedy.csr");

fn open(folder: &Path, now: Millis) -> Result<Pki, PkiError> {
    Pki::open_or_create(folder, now, Arc::new(OsEntropy))
}

fn fresh() -> (TempDir, PathBuf, Pki) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("pki");
    let pki = open(&folder, NOW).unwrap();
    (home, folder, pki)
}

fn csr(algorithm: &'static rcgen::SignatureAlgorithm) -> (KeyPair, Vec<u8>) {
    let pair = KeyPair::generate_for(algorithm).unwrap();
    let csr = CertificateParams::default().serialize_request(&pair).unwrap();
    (pair, csr.der().to_vec())
}

fn id() -> DeviceId {
    DeviceId::from_random([0xab; 16])
}

fn refusal(der: &[u8]) -> String {
    SigningRequest::check(der).unwrap_err().to_string()
}

#[test]
fn the_first_start_makes_owner_only_files_and_the_second_finds_them() {
    let (_home, folder, pki) = fresh();
    for name in ["root.key", "root.crt", "intermediate.key", "intermediate.crt"] {
        let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let again = open(&folder, NOW + DAY).unwrap();
    assert_eq!(again.root_pin(), pki.root_pin());
    assert_eq!(again.authority.intermediate, pki.authority.intermediate);
    assert!(pki.root_pin().starts_with("sha256:") && pki.root_pin().len() == 7 + 64);
}

#[test]
fn the_pin_is_that_of_the_root_that_the_server_sends() {
    let (_home, _folder, pki) = fresh();
    let server = pki
        .server_identity(&["collector.example".into(), "192.0.2.1".into()], NOW)
        .unwrap();
    let hash = spki_hash(server.chain.last().unwrap()).unwrap();
    assert_eq!(pki.root_pin(), format!("sha256:{}", HEXLOWER.encode(&hash)));
    assert_eq!(server.chain.len(), 3);
}

#[test]
fn without_the_root_key_everything_works_but_a_new_intermediate() {
    let (_home, folder, pki) = fresh();
    fs::rename(folder.join("root.key"), folder.join("offline")).unwrap();
    let later = open(&folder, NOW + 700 * DAY).unwrap();
    assert_eq!(later.root_pin(), pki.root_pin());
    let (_, request) = csr(&rcgen::PKCS_ECDSA_P256_SHA256);
    later
        .issue_device(&SigningRequest::check(&request).unwrap(), id(), NOW + 700 * DAY)
        .unwrap();
    let error = open(&folder, NOW + 731 * DAY).unwrap_err().to_string();
    assert!(
        error.contains("intermediate.crt has expired") && error.contains("root.key"),
        "{error}"
    );
}

#[test]
fn the_intermediate_is_renewed_in_time_and_keeps_its_key() {
    let (_home, folder, pki) = fresh();
    let later = open(&folder, NOW + 600 * DAY).unwrap();
    assert_ne!(later.authority.intermediate, pki.authority.intermediate);
    assert!(later.intermediate_ends_at() > pki.intermediate_ends_at());
    let key = |pki: &Pki| spki_hash(&pki.authority.intermediate).unwrap();
    assert_eq!(key(&later), key(&pki));
}

#[test]
fn a_first_start_that_was_interrupted_goes_on_with_the_same_keys() {
    let (_home, folder, pki) = fresh();
    for lost in [&["intermediate.crt"][..], &["intermediate.key"], &["root.crt"]] {
        for name in lost {
            fs::remove_file(folder.join(name)).unwrap();
        }
        if lost == ["intermediate.key"] {
            fs::remove_file(folder.join("intermediate.crt")).unwrap();
        }
        if lost == ["root.crt"] {
            fs::remove_file(folder.join("intermediate.key")).unwrap();
            fs::remove_file(folder.join("intermediate.crt")).unwrap();
        }
        assert_eq!(open(&folder, NOW).unwrap().root_pin(), pki.root_pin(), "{lost:?}");
    }
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let (_home, folder, _) = fresh();
    fs::remove_file(folder.join("intermediate.key")).unwrap();
    let error = open(&folder, NOW).unwrap_err().to_string();
    assert!(error.contains("intermediate.key is missing"), "{error}");
}

#[test]
fn an_intermediate_without_its_root_is_refused() {
    let (_home, folder, _) = fresh();
    fs::remove_file(folder.join("root.crt")).unwrap();
    let error = open(&folder, NOW).unwrap_err().to_string();
    assert!(error.contains("root.crt is missing"), "{error}");
    assert!(!folder.join("root.crt").exists());
}

#[test]
fn an_intermediate_of_another_root_is_refused() {
    let (_home, folder, _) = fresh();
    let (_other_home, other, _) = fresh();
    for name in ["root.key", "root.crt"] {
        fs::copy(other.join(name), folder.join(name)).unwrap();
    }
    let error = open(&folder, NOW).unwrap_err().to_string();
    assert!(error.contains("not signed by the root beside it"), "{error}");
}

#[test]
fn a_key_that_others_may_read_is_refused_with_its_remedy() {
    let (_home, folder, _) = fresh();
    for name in ["root.key", "intermediate.key"] {
        let path = folder.join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = open(&folder, NOW).unwrap_err().to_string();
        assert!(
            error.contains(&format!("chmod 600 {}", path.display())),
            "{error}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(open(&folder, NOW).unwrap_err().to_string().contains("chmod 700"));
}

#[test]
fn damaged_files_are_named() {
    let (_home, folder, _) = fresh();
    for name in ["root.key", "root.crt", "intermediate.key", "intermediate.crt"] {
        let whole = fs::read(folder.join(name)).unwrap();
        for damaged in [
            b"".to_vec(),
            b"nonsense".to_vec(),
            whole[..whole.len() / 2].to_vec(),
        ] {
            fs::write(folder.join(name), damaged).unwrap();
            let error = open(&folder, NOW).unwrap_err().to_string();
            assert!(error.contains(name), "{name}: {error}");
        }
        fs::write(folder.join(name), whole).unwrap();
    }
    open(&folder, NOW).unwrap();
}

#[test]
fn keys_that_are_swapped_are_refused() {
    let (_home, folder, _) = fresh();
    fs::copy(folder.join("root.key"), folder.join("intermediate.key")).unwrap();
    let error = open(&folder, NOW).unwrap_err().to_string();
    assert!(
        error.contains("intermediate.key") && error.contains("not the key"),
        "{error}"
    );
}

#[test]
fn every_further_root_is_trusted_after_the_current_one() {
    let (_home, folder, pki) = fresh();
    let (_other_home, other, old) = fresh();
    fs::create_dir(folder.join("roots")).unwrap();
    fs::copy(other.join("root.crt"), folder.join("roots/2020.crt")).unwrap();
    fs::copy(folder.join("root.crt"), folder.join("roots/same.crt")).unwrap();
    fs::write(folder.join("roots/readme.txt"), "not a certificate").unwrap();
    let both = open(&folder, NOW).unwrap();
    assert_eq!(both.roots(), [pki.roots()[0].clone(), old.roots()[0].clone()]);
    fs::write(folder.join("roots/bad.crt"), "x").unwrap();
    assert!(open(&folder, NOW).unwrap_err().to_string().contains("bad.crt"));
}

#[test]
fn an_expired_root_is_refused() {
    let (_home, folder, _) = fresh();
    let error = open(&folder, NOW + 3653 * DAY).unwrap_err().to_string();
    assert!(error.contains("root.crt has expired"), "{error}");
}

#[test]
fn a_device_gets_our_name_whatever_it_asks_for() {
    let (_home, _folder, pki) = fresh();
    let request = SigningRequest::check(GREEDY).unwrap();
    let issued = pki.issue_device(&request, id(), NOW).unwrap();
    assert_eq!(device_of(&issued.chain).unwrap(), id());
    let leaf = parsed(&issued.chain[0]).unwrap();
    assert!(!leaf.is_ca());
    assert_eq!(leaf.subject().to_string(), format!("CN={}", id()));
    assert!(leaf.name_constraints().unwrap().is_none());
    assert_eq!(spki_hash(&issued.chain[0]).unwrap(), request.key_hash());
    assert_eq!(issued.chain.len(), 2);
}

#[test]
fn a_device_certificate_ends_when_configured_and_never_after_the_intermediate() {
    let (_home, _folder, pki) = fresh();
    let request = SigningRequest::check(GREEDY).unwrap();
    let ends = pki.issue_device(&request, id(), NOW).unwrap().ends_at;
    assert_eq!(ends, NOW + 30 * DAY);
    assert_eq!(pki.device_ends_at(NOW).unwrap(), ends);
    let pki = pki.with_device_days(7);
    assert_eq!(
        pki.issue_device(&request, id(), NOW).unwrap().ends_at,
        NOW + 7 * DAY
    );
    let late = NOW + 729 * DAY;
    assert_eq!(
        pki.issue_device(&request, id(), late).unwrap().ends_at,
        pki.intermediate_ends_at()
    );
    assert_eq!(pki.device_ends_at(late).unwrap(), pki.intermediate_ends_at());
}

#[test]
fn serial_numbers_are_random_and_of_128_bits() {
    let (_home, _folder, pki) = fresh();
    let request = SigningRequest::check(GREEDY).unwrap();
    let serial = || {
        let issued = pki.issue_device(&request, id(), NOW).unwrap();
        parsed(&issued.chain[0]).unwrap().raw_serial().to_vec()
    };
    let (a, b) = (serial(), serial());
    assert_ne!(a, b);
    assert!(a.len() == 16 && b.len() == 16);
}

#[test]
fn keys_of_the_three_kinds_are_certified_and_prove_possession() {
    let (_home, _folder, pki) = fresh();
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
    ] {
        let (pair, der) = csr(algorithm);
        let request = SigningRequest::check(&der).unwrap();
        pki.issue_device(&request, id(), NOW).unwrap();
        let signature = pair.sign(b"message").unwrap();
        assert!(request.has_signed(b"message", &signature));
        assert!(!request.has_signed(b"massage", &signature));
        assert!(!request.has_signed(b"message", &[]));
    }
}

#[test]
fn other_kinds_of_keys_are_refused() {
    assert!(refusal(RSA).contains("none of P-256"));
    assert!(refusal(P521).contains("none of P-256"));
}

#[test]
fn a_request_that_was_altered_is_refused() {
    let (_, mut der) = csr(&rcgen::PKCS_ECDSA_P256_SHA256);
    let position = der.windows(5).position(|bytes| bytes == b"rcgen").unwrap();
    der[position] = b'R';
    assert!(refusal(&der).contains("signature"));
}

#[test]
fn a_request_that_is_no_request_is_refused() {
    assert!(refusal(b"").contains("cannot be read"));
    assert!(refusal(&[0x30; 64]).contains("cannot be read"));
    let (_, mut der) = csr(&rcgen::PKCS_ED25519);
    der.push(0);
    assert!(refusal(&der).contains("cannot be read"));
    assert!(refusal(&vec![0x30; deskwarden_proto::limits::CSR_BYTES + 1]).contains("too large"));
}

#[test]
fn certificates_of_servers_name_no_device() {
    let (_home, _folder, pki) = fresh();
    let server = pki.server_identity(&["collector.example".into()], NOW).unwrap();
    assert!(device_of(&server.chain).is_err());
    assert!(device_of(&server.chain[1..]).is_err());
    assert!(device_of(&[]).is_err());
    assert!(device_of(&[CertificateDer::from(vec![1, 2, 3])]).is_err());
}

#[test]
fn a_name_that_no_certificate_can_hold_is_refused() {
    let (_home, _folder, pki) = fresh();
    for name in ["", "a b", "巡检.example", "http://x"] {
        let error = pki
            .server_identity(&[name.to_owned()], NOW)
            .unwrap_err()
            .to_string();
        assert!(error.contains("cannot stand in a certificate"), "{name}: {error}");
    }
    assert!(pki.server_identity(&[], NOW).is_err());
}

#[test]
fn the_dashboards_certificate_is_kept_until_it_is_old_or_named_otherwise() {
    let (_home, _folder, pki) = fresh();
    let (a, b) = (
        ["a.example".to_owned()],
        ["a.example".to_owned(), "192.0.2.7".to_owned()],
    );
    let first = pki.issue_dashboard(&a, NOW).unwrap();
    assert_eq!(
        pki.issue_dashboard(&a, NOW + 200 * DAY).unwrap().chain,
        first.chain
    );
    let renamed = pki.issue_dashboard(&b, NOW).unwrap();
    assert_ne!(renamed.chain[0], first.chain[0]);
    assert_eq!(pki.issue_dashboard(&a, NOW).unwrap().chain, renamed.chain);
    assert_ne!(
        pki.issue_dashboard(&b, NOW + 300 * DAY).unwrap().chain,
        renamed.chain
    );
}

#[test]
fn a_configured_certificate_must_fit_its_key() {
    let (home, folder, pki) = fresh();
    pki.issue_dashboard(&["a.example".to_owned()], NOW).unwrap();
    let (certificate, key) = (folder.join("dashboard.crt"), folder.join("dashboard.key"));
    assert_eq!(
        Identity::configured(&certificate, &key).unwrap().ends_at,
        NOW + 397 * DAY
    );
    let wrong = Identity::configured(&certificate, &folder.join("root.key"))
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("root.key") && wrong.contains("do not fit"),
        "{wrong}"
    );
    let open_key = home.path().join("open.key");
    fs::copy(&key, &open_key).unwrap();
    fs::set_permissions(&open_key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Identity::configured(&certificate, &open_key)
        .unwrap_err()
        .to_string();
    assert!(error.contains("chmod 640"), "{error}");
}

#[test]
fn nothing_secret_is_shown() {
    let (_home, _folder, pki) = fresh();
    let server = pki.server_identity(&["a.example".into()], NOW).unwrap();
    let shown = format!("{pki:?} {server:?}");
    assert!(!shown.contains("key:") && !shown.contains("chain"), "{shown}");
}

/// Verifies as an agent that knows these roots.
fn believed(chain: &[CertificateDer<'static>], roots: &[CertificateDer<'static>], now: Millis) -> bool {
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .unwrap();
    let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
    let now = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_millis(
        u64::try_from(now).unwrap(),
    ));
    rustls::client::danger::ServerCertVerifier::verify_server_cert(
        verifier.as_ref(),
        &chain[0],
        &chain[1..],
        &name,
        &[],
        now,
    )
    .is_ok()
}

#[test]
fn a_rotated_root_is_believed_by_those_who_know_only_the_one_before() {
    let (_home, folder, before) = fresh();
    let (old, old_pin) = (before.roots()[0].clone(), before.root_pin());
    let later = NOW + 400 * DAY;
    Pki::rotate(&folder, later, &OsEntropy).unwrap();
    let pki = open(&folder, later).unwrap();
    assert_ne!(pki.root_pin(), old_pin);
    assert_eq!(pki.roots().len(), 2);
    let new = pki.roots()[0].clone();
    let chain = pki.server_identity(&["localhost".into()], later).unwrap().chain;
    assert!(
        believed(&chain, std::slice::from_ref(&old), later),
        "who was away"
    );
    assert!(believed(&chain, std::slice::from_ref(&new), later), "who is new");
    // An install bundle with the pin of the root before finds that root in the chain.
    assert!(
        chain
            .iter()
            .any(|c| spki_hash(c).unwrap() == spki_hash(&old).unwrap())
    );
    let status = Pki::status(&folder).unwrap();
    assert_eq!((status.pin, status.earlier), (pki.root_pin(), vec![old_pin]));
    assert_eq!(status.root_since, later);
    for name in [
        "root.key",
        "root.crt",
        "intermediate.key",
        "intermediate.crt",
        "cross.crt",
    ] {
        let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let refused = Pki::rotate(&folder, later, &OsEntropy).unwrap_err().to_string();
    assert!(refused.contains("ca retire"), "{refused}");
    assert_eq!(Pki::retire(&folder).unwrap(), 1);
    let pki = open(&folder, later).unwrap();
    assert_eq!(pki.roots().len(), 1);
    let chain = pki.server_identity(&["localhost".into()], later).unwrap().chain;
    assert!(!believed(&chain, &[old], later));
    assert!(believed(&chain, &[new], later));
}

#[test]
fn a_rotation_that_a_crash_cut_short_is_finished_or_never_was() {
    let (_home, folder, before) = fresh();
    let names = [
        "root.key",
        "intermediate.key",
        "root.crt",
        "intermediate.crt",
        "cross.crt",
    ];
    let old: Vec<Option<Vec<u8>>> = names
        .iter()
        .map(|name| fs::read(folder.join(name)).ok())
        .collect();
    Pki::rotate(&folder, NOW + DAY, &OsEntropy).unwrap();
    let new: Vec<Vec<u8>> = names
        .iter()
        .map(|name| fs::read(folder.join(name)).unwrap())
        .collect();
    let next = folder.join("next");
    for moved in 0..=names.len() {
        // As a crash leaves it after `moved` files changed their place.
        fs::create_dir(&next).unwrap();
        fs::set_permissions(&next, fs::Permissions::from_mode(0o700)).unwrap();
        for (at, name) in names.iter().enumerate() {
            let (content, place) = if at < moved {
                (Some(new[at].as_slice()), folder.join(name))
            } else {
                files::write(&next.join(name), std::str::from_utf8(&new[at]).unwrap()).unwrap();
                (old[at].as_deref(), folder.join(name))
            };
            match content {
                Some(content) => files::write(&place, std::str::from_utf8(content).unwrap()).unwrap(),
                None => fs::remove_file(&place).unwrap(),
            }
        }
        files::write(&next.join("ready"), "").unwrap();
        let pki = open(&folder, NOW + DAY).unwrap();
        assert_ne!(pki.root_pin(), before.root_pin(), "{moved}");
        assert!(!next.exists());
    }
    // Without the last mark nothing was replaced.
    for (at, name) in names.iter().enumerate() {
        match &old[at] {
            Some(content) => files::write(&folder.join(name), std::str::from_utf8(content).unwrap()).unwrap(),
            None => fs::remove_file(folder.join(name)).unwrap(),
        }
    }
    fs::create_dir(&next).unwrap();
    files::write(&next.join("root.key"), "half").unwrap();
    assert_eq!(open(&folder, NOW + DAY).unwrap().root_pin(), before.root_pin());
}

#[test]
fn without_its_key_a_root_is_not_rotated_and_the_message_says_what_to_bring() {
    let (_home, folder, before) = fresh();
    fs::rename(folder.join("root.key"), folder.join("offline")).unwrap();
    let refused = Pki::rotate(&folder, NOW, &OsEntropy).unwrap_err().to_string();
    assert!(
        refused.contains("root.key") && refused.contains("bring"),
        "{refused}"
    );
    assert!(!Pki::status(&folder).unwrap().root_key_is_here);
    assert_eq!(open(&folder, NOW).unwrap().root_pin(), before.root_pin());
}
