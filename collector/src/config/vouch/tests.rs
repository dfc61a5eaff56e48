//! `[sign_in.ldap]` and `[sign_in.oidc]`: what is usual, and every fault.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use super::*;
use crate::config::{Config, ConfigError, Reach};

fn parse(text: &str, base: &Path) -> Result<Config, ConfigError> {
    Config::parse(text, "collector.toml", base, Path::new("/data"), Reach::Loopback)
}

fn faults(text: &str) -> Vec<String> {
    let error = parse(text, Path::new("/nowhere")).unwrap_err();
    error.to_string().lines().map(str::to_owned).collect()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "s3cret").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

const LDAP: &str = r#"
[sign_in.ldap]
urls = ["ldaps://dc1.corp.example", "ldap://dc2.corp.example:3890"]
starttls = true
bind_dn = "cn=deskwarden,dc=corp,dc=example"
password_file = "secret"
base = "dc=corp,dc=example"
name_attribute = "sAMAccountName"
[[sign_in.ldap.group]]
name = "cn=it,dc=corp,dc=example"
roles = ["administrator", "technician"]
[[sign_in.ldap.group]]
name = "cn=desk,dc=corp,dc=example"
roles = ["technician"]
departments = ["客服部"]
"#;

#[test]
fn a_directory_is_read_with_what_is_usual() {
    let folder = folder();
    let config = parse(LDAP, folder.path()).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let ldap = config.people.ldap.unwrap();
    let places: Vec<_> = ldap
        .servers
        .iter()
        .map(|server| (server.url.as_str(), server.port, server.starttls))
        .collect();
    assert_eq!(
        places,
        [
            ("ldaps://dc1.corp.example:636", 636, false),
            ("ldap://dc2.corp.example:3890", 3890, true)
        ]
    );
    assert_eq!(ldap.user_filter, "(sAMAccountName={user})");
    assert_eq!(
        (ldap.group_filter.as_str(), ldap.group_base.as_str()),
        ("(member={dn})", "dc=corp,dc=example")
    );
    assert_eq!(ldap.groups[1].sight, Sight::of("客服部"));
}

#[test]
fn passwords_in_plain_text_are_refused_unless_they_stay_on_this_machine() {
    let folder = folder();
    let with = |url: &str| {
        LDAP.replace("starttls = true", "")
            .replace("ldap://dc2.corp.example:3890", url)
    };
    let error = parse(&with("ldap://dc2.corp.example"), folder.path()).unwrap_err();
    assert!(error.to_string().contains("plain text"), "{error}");
    parse(&with("ldap://127.0.0.1:3890"), folder.path()).unwrap();
}

#[test]
fn every_fault_of_a_directory_is_told_at_once() {
    let text = "[sign_in.ldap]\nurls = [\"http://x\"]\nbind_template = \"uid=me\"\nuser_filter = \"(uid={user}\"\n\
                group_filter = \"(member=x)\"\ntimeout_seconds = 90\nca_file = \"none.pem\"\nname_attribute = \"a b\"\n\
                [[sign_in.ldap.group]]\nname = \"cn=a\"\nroles = [\"auditor\", \"technician\"]\n\
                [[sign_in.ldap.group]]\nname = \"cn=b\"\nroles = [\"boss\"]\n\
                [[sign_in.ldap.group]]\nname = \"cn=c\"\nroles = [\"administrator\"]\ndepartments = [\"x\"]\n";
    let found = faults(text).join("\n");
    for wanted in [
        "\"http://x\" is not an address",
        "there is no {user} in it",
        "is not a filter",
        "there is no {dn} or {user} in it",
        "from 1 to 30",
        "none.pem",
        "\"a b\" is not the name",
        "ldap.base is missing",
        "an auditor has no other role",
        "there is no role \"boss\"",
        "an administrator sees everything",
    ] {
        assert!(found.contains(wanted), "{wanted:?} is not in\n{found}");
    }
    let unknown = faults("[sign_in.ldap]\ncolour = 1\n").join("\n");
    assert!(
        unknown.contains("collector.toml:2: unknown field `colour`"),
        "{unknown}"
    );
}

#[test]
fn a_provider_needs_https_and_the_address_to_come_back_to() {
    let text = "[sign_in.oidc]\nissuer = \"http://login.example\"\n";
    let found = faults(text).join("\n");
    for wanted in [
        "only https",
        "needs public_url",
        "client_id is missing",
        "nobody may sign in",
    ] {
        assert!(found.contains(wanted), "{wanted:?} is not in\n{found}");
    }
}

#[test]
fn a_provider_is_read_with_what_is_usual() {
    let text = r#"
public_url = "https://desk.example:8443/"
[sign_in.oidc]
issuer = "https://login.example/realms/office"
client_id = "deskwarden"
secret_file = "secret"
[[sign_in.oidc.group]]
name = "it"
roles = ["technician"]
"#;
    let config = parse(text, folder().path()).unwrap();
    let oidc = config.people.oidc.unwrap();
    assert_eq!(oidc.redirect_uri, "https://desk.example:8443/sign-in/oidc/back");
    assert_eq!(
        (
            oidc.name_claim.as_str(),
            oidc.groups_claim.as_str(),
            oidc.scopes.as_slice()
        ),
        ("preferred_username", "groups", ["profile".to_owned()].as_slice())
    );
    assert!(!format!("{oidc:?}").contains("s3cret"));
}
