//! PostgreSQL passes the suite, and survives its server's restarts.

use crate::conformance::{
    Bench as _,
    postgres::Postgres,
    world::{NOW, apply, audit, batch, enrolled, everything, id, put_op},
};
use deskwarden_domain::port::{Batch, StoreError};
use deskwarden_proto::v1::Section;

crate::conformance!(Postgres::start());

#[test]
fn a_server_that_was_restarted_is_connected_to_again() {
    let Some(bench) = Postgres::start() else { return };
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    for n in 0..3 {
        bench.cut_connections();
        apply(
            store.as_ref(),
            vec![put_op(&device, id(Section::Os, "os", &n.to_string()), b"x", NOW)],
        );
        bench.cut_connections();
        assert_eq!(everything(store.as_ref(), &device).items.len(), n + 1);
    }
}

#[test]
fn a_schema_of_a_newer_build_is_refused() {
    let Some(bench) = Postgres::start() else { return };
    drop(bench.open());
    bench
        .raw()
        .execute("UPDATE schema_version SET version = 999", &[])
        .unwrap();
    let message = crate::open(bench.location()).err().unwrap().to_string();
    assert!(message.contains("schema 999"), "{message}");
}

#[test]
fn a_report_that_is_judged_while_rules_change_waits_and_is_judged_again() {
    let Some(bench) = Postgres::start() else { return };
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let judged = Batch {
        generation: Some(store.context_generation().unwrap()),
        ..batch(vec![put_op(&device, id(Section::Os, "os", "os"), b"x", NOW)])
    };
    let (mut edit, mut watch) = (bench.raw(), bench.raw());
    let mut edit = edit.transaction().unwrap();
    edit.execute("UPDATE context_generation SET generation = generation + 1", &[])
        .unwrap();
    std::thread::scope(|scope| {
        let report = scope.spawn(|| store.apply(&judged));
        let waits =
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                     AND query LIKE '%context_generation%'";
        // Written at once, it would be there after the edit has looked for what it reaches.
        while watch.query_opt(waits, &[]).unwrap().is_none() {
            assert!(!report.is_finished(), "a report does not pass an edit under way");
            std::thread::yield_now();
        }
        edit.commit().unwrap();
        let stale = report.join().unwrap();
        assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    });
    assert!(everything(store.as_ref(), &device).items.is_empty());
}

#[test]
fn collectors_that_start_together_make_one_schema() {
    let Some(bench) = Postgres::start() else { return };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bench.open());
        }
    });
    assert_eq!(bench.open().verify_audit().unwrap(), Ok(0));
}

#[test]
fn a_changed_audit_entry_is_found() {
    let Some(bench) = Postgres::start() else { return };
    let store = bench.open();
    for n in 1..=5 {
        store.audit(&audit(&format!("action {n}"))).unwrap();
    }
    let mut raw = bench.raw();
    for sql in [
        "UPDATE audit SET actor = 'x' WHERE sequence = 3",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ] {
        let refused = raw.batch_execute(sql).unwrap_err();
        assert!(
            refused.as_db_error().unwrap().message().contains("append-only"),
            "{sql}"
        );
    }
    raw.batch_execute("ALTER TABLE audit DISABLE TRIGGER ALL")
        .unwrap();
    raw.batch_execute("UPDATE audit SET actor = 'x' WHERE sequence = 3")
        .unwrap();
    assert_eq!(store.verify_audit().unwrap().unwrap_err().sequence, 3);
}

#[test]
fn a_database_out_of_reach_is_named_without_its_secrets() {
    let message = crate::open("postgres://user:secret@127.0.0.1:1/db")
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("127.0.0.1") && message.contains("db") && !message.contains("secret"),
        "{message}"
    );
    let message = crate::open("postgres://user:se@cret@h:x/db")
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("postgres://USER:PASSWORD@HOST") && !message.contains("cret"),
        "{message}"
    );
}

#[test]
fn a_server_is_spoken_to_over_tls_and_only_if_it_is_the_right_one() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let name = |name: &str| folder.path().join(name);
    let authority = |file: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(name(file), certificate.pem()).unwrap();
        rcgen::Issuer::new(params, key)
    };
    let (ours, _other) = (authority("ca.pem"), authority("other.pem"));
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    std::fs::write(name("server.pem"), params.signed_by(&key, &ours).unwrap().pem()).unwrap();
    std::fs::write(name("server.key"), key.serialize_pem()).unwrap();
    readable_by_the_server(folder.path(), &name("server.key"));
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = |tls: &str| {
        Postgres::apart(&[
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("ssl={tls}"),
            format!("ssl_cert_file={}", name("server.pem").display()),
            format!("ssl_key_file={}", name("server.key").display()),
        ])
    };
    let at = |host: &str, query: &str| format!("postgres://deskwarden@{host}:{port}/postgres?{query}");
    let roots = |file: &str| format!("sslrootcert={}", name(file).display());
    let refused = |host: &str, query: &str| crate::open(&at(host, query)).err().unwrap().to_string();
    let Some(bench) = server("on") else { return };
    let store = crate::open(&at("localhost", &roots("ca.pem"))).unwrap();
    store.audit(&audit("over TLS")).unwrap();
    let encrypted = "SELECT COUNT(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                     WHERE s.ssl AND a.application_name = 'deskwarden-collector'";
    let count: i64 = bench.raw().query_one(encrypted, &[]).unwrap().get(0);
    assert!(count > 0);
    for (host, file) in [("localhost", "other.pem"), ("127.0.0.1", "ca.pem")] {
        let message = refused(host, &roots(file));
        assert!(
            message.contains("`?sslrootcert=FILE`") && message.contains("certificate"),
            "{host} {file}: {message}"
        );
    }
    drop((store, bench));
    let _plain = server("off").unwrap();
    let message = refused("localhost", &roots("ca.pem"));
    assert!(message.contains("does not support TLS"), "{message}");
    crate::open(&at("localhost", "sslmode=disable")).unwrap();
}

/// PostgreSQL runs as somebody else where tests run as root, and wants its key for itself.
fn readable_by_the_server(folder: &std::path::Path, key: &std::path::Path) {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    if let Some((user, group)) = crate::conformance::postgres::unprivileged() {
        chown(key, Some(user), Some(group)).unwrap();
    }
}

#[test]
fn equal_facets_are_stored_once() {
    let Some(bench) = Postgres::start() else { return };
    let store = bench.open();
    for n in 0..3 {
        let device = enrolled(store.as_ref(), n);
        apply(
            store.as_ref(),
            vec![put_op(&device, id(Section::Os, "os", "os"), b"Debian", NOW)],
        );
    }
    let facets: i64 = bench
        .raw()
        .query_one("SELECT COUNT(*) FROM facets", &[])
        .unwrap()
        .get(0);
    assert_eq!(facets, 1);
}
