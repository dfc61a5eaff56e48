//! Signing in by a directory: a real slapd, over ldaps and StartTLS, with an account that searches and without one.

use deskwarden_tests::{
    authority::Authority,
    collector::{Collector, PASSWORD as LOCAL, Setup},
    dashboard::{Visitor, text, words},
    slapd::{PASSWORD, SERVICE_PASSWORD, SUFFIX, Slapd},
    wait::{PATIENCE, eventually},
};
use serde_json::Value;

struct House {
    collector: Collector,
    slapd: Slapd,
    authority: Authority,
}

const SERVICE: &str = "bind_dn = \"cn=deskwarden,dc=office,dc=example\"\npassword_file = \"ldap.secret\"\n";

impl House {
    fn open(url: impl Fn(&Slapd) -> String, more: &str) -> Self {
        let authority = Authority::new(&["127.0.0.1"]).unwrap();
        let slapd = Slapd::start(&authority).unwrap();
        let collector = collector(&url(&slapd), more, &authority, SERVICE_PASSWORD);
        Self {
            collector,
            slapd,
            authority,
        }
    }

    fn over_tls() -> Self {
        Self::open(ldaps, SERVICE)
    }

    fn visitor(&self) -> Visitor {
        visitor(&self.collector)
    }

    /// Everybody who has an account: name and roles.
    fn people(&self) -> Vec<(String, Value)> {
        let listed = self.collector.cli(&["user", "list"]).unwrap();
        let people = listed.as_array().unwrap().iter();
        people
            .map(|user| (text(user, "name").unwrap().to_owned(), user["roles"].clone()))
            .collect()
    }
}

fn ldaps(slapd: &Slapd) -> String {
    format!("ldaps://127.0.0.1:{}", slapd.tls())
}

fn collector(url: &str, more: &str, authority: &Authority, service: &str) -> Collector {
    let group = |name: &str, rights: &str| {
        // Written in another way than the directory has it.
        format!("[[sign_in.ldap.group]]\nname = \"CN={name}, OU=Groups, DC=Office, DC=Example\"\n{rights}\n")
    };
    let tables = format!(
        "[sign_in.ldap]\nurls = [\"{url}\"]\nca_file = \"{}\"\nbase = \"ou=people,{SUFFIX}\"\n\
         group_base = \"ou=groups,{SUFFIX}\"\n{more}{}{}{}{}",
        authority.ca().display(),
        group("desk", "roles = [\"technician\"]"),
        group("it", "roles = [\"administrator\"]"),
        group("service", "roles = [\"technician\"]\ndepartments = [\"客服部\"]"),
        group("audit", "roles = [\"auditor\"]"),
    );
    let setup = Setup::new().unwrap().tables(&tables);
    setup
        .secret_file("ldap.secret", service)
        .unwrap()
        .start()
        .unwrap()
}

fn visitor(collector: &Collector) -> Visitor {
    Visitor::new(collector.dashboard().unwrap(), &collector.roots()).unwrap()
}

/// Status of an attempt, and what the page says.
fn attempt(visitor: &mut Visitor, user: &str, password: &str) -> (u16, String) {
    let answer = visitor
        .send("/sign-in", "/sign-in", &[("user", user), ("password", password)])
        .unwrap();
    (answer.status, words(&answer.body))
}

#[test]
fn people_of_a_directory_sign_in_with_the_roles_of_their_groups() {
    if !Slapd::is_there("people_of_a_directory_sign_in_with_the_roles_of_their_groups") {
        return;
    }
    let house = House::over_tls();
    let mut wang = house.visitor();
    assert!(wang.read("/sign-in").unwrap().contains("company account"));
    assert_eq!(attempt(&mut wang, " Wang ", PASSWORD).0, 303);
    wang.read("/findings").unwrap();
    assert_eq!(wang.get("/users").unwrap().status, 403);
    let account = wang.read("/account").unwrap();
    assert!(account.contains("directory keeps the password"), "{account}");
    assert!(!account.contains("Current password"), "{account}");
    let mut zhou = house.visitor();
    zhou.sign_in("zhou", PASSWORD).unwrap();
    let mut boss = house.visitor();
    boss.sign_in("boss", PASSWORD).unwrap();
    let users = boss.api("/api/v1/users").unwrap();
    let of = |name: &str| {
        let rows = users["users"].as_array().unwrap_or_else(|| panic!("{users}"));
        rows.iter().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!(of("zhou")["departments"].to_string(), "[\"客服部\"]");
    assert_eq!(
        (of("boss")["source"].as_str(), of("admin")["source"].as_str()),
        (Some("ldap"), Some("local"))
    );
    let audit = boss.api("/api/v1/audit").unwrap().to_string();
    assert!(audit.contains("user.add") && audit.contains("sign_in"), "{audit}");
    assert!(!audit.contains(PASSWORD) && !house.collector.log().contains(PASSWORD));
    assert!(!house.collector.log().contains(SERVICE_PASSWORD));
}

#[test]
fn roles_follow_the_groups_and_without_one_access_ends() {
    if !Slapd::is_there("roles_follow_the_groups_and_without_one_access_ends") {
        return;
    }
    let house = House::over_tls();
    let mut first = house.visitor();
    first.sign_in("wang", PASSWORD).unwrap();
    house.slapd.change("it", "wang", "add").unwrap();
    let mut second = house.visitor();
    second.sign_in("wang", PASSWORD).unwrap();
    second.read("/users").unwrap();
    assert_eq!(
        first.get("/").unwrap().status,
        303,
        "the session of other rights has ended"
    );
    house.slapd.change("it", "wang", "delete").unwrap();
    house.slapd.change("desk", "wang", "delete").unwrap();
    let (status, page) = attempt(&mut house.visitor(), "wang", PASSWORD);
    assert_eq!(status, 403);
    assert!(page.contains("in no group that may use this system"), "{page}");
    assert_eq!(second.get("/").unwrap().status, 303);
    assert!(
        house
            .people()
            .contains(&("wang".to_owned(), Value::Array(Vec::new())))
    );
}

#[test]
fn whom_the_directory_does_not_vouch_for_does_not_come_in() {
    if !Slapd::is_there("whom_the_directory_does_not_vouch_for_does_not_come_in") {
        return;
    }
    let house = House::over_tls();
    let mut visitor = house.visitor();
    let wrong = "User name or password is wrong";
    let long = "w".repeat(10_000);
    for (user, password, expected, says) in [
        ("wang", "guess", 401, wrong),
        // This directory takes a bind without a password.
        ("wang", "", 401, wrong),
        ("nobody", PASSWORD, 401, wrong),
        ("*)(uid=*", PASSWORD, 401, wrong),
        ("wang*", PASSWORD, 401, wrong),
        ("wang)(|(uid=*", PASSWORD, 401, wrong),
        ("wang,ou=people,dc=office,dc=example", PASSWORD, 401, wrong),
        (long.as_str(), PASSWORD, 401, wrong),
        // The directory's `admin` is not the local one.
        ("admin", PASSWORD, 401, wrong),
        ("li", PASSWORD, 403, "in no group that may use this system"),
        ("zhao", PASSWORD, 403, "auditor\u{27}s role and another one"),
    ] {
        let (status, page) = attempt(&mut visitor, user, password);
        assert_eq!(status, expected, "{user}: {page}");
        assert!(page.contains(says), "{user}: {page}");
    }
    let people = house.people();
    assert_eq!(people.len(), 1, "nobody got an account: {people:?}");
    for _ in 0..3 {
        assert_eq!(attempt(&mut visitor, "ＷＡＮＧ", "guess").0, 401);
    }
    let (status, page) = attempt(&mut visitor, "wang", PASSWORD);
    assert_eq!(status, 429, "five attempts, however the name is written: {page}");
}

#[test]
fn whoever_signs_in_may_be_the_one_who_searches() {
    if !Slapd::is_there("whoever_signs_in_may_be_the_one_who_searches") {
        return;
    }
    let direct = format!("starttls = true\nbind_template = \"uid={{user}},ou=people,{SUFFIX}\"\n");
    let house = House::open(|slapd| format!("ldap://127.0.0.1:{}", slapd.plain()), &direct);
    let mut visitor = house.visitor();
    for password in ["guess", ""] {
        assert_eq!(attempt(&mut visitor, "wang", password).0, 401);
    }
    assert_eq!(attempt(&mut visitor, "wang,ou=people", PASSWORD).0, 401);
    assert_eq!(attempt(&mut visitor, "li", PASSWORD).0, 403);
    visitor.sign_in("wang", PASSWORD).unwrap();
    visitor.read("/findings").unwrap();
}

#[test]
fn without_the_directory_local_accounts_still_sign_in() {
    if !Slapd::is_there("without_the_directory_local_accounts_still_sign_in") {
        return;
    }
    let mut house = House::over_tls();
    house.collector.administrator().unwrap();
    house.slapd.stop().unwrap();
    let (status, page) = attempt(&mut house.visitor(), "wang", PASSWORD);
    assert_eq!(status, 503, "{page}");
    assert!(page.contains("directory cannot be reached"), "{page}");
    house.visitor().sign_in("admin", LOCAL).unwrap();
}

#[test]
fn a_directory_with_a_certificate_of_somebody_else_gets_no_password() {
    if !Slapd::is_there("a_directory_with_a_certificate_of_somebody_else_gets_no_password") {
        return;
    }
    let house = House::over_tls();
    let stranger = Authority::new(&["127.0.0.1"]).unwrap();
    let starttls = format!("starttls = true\n{SERVICE}");
    for (url, more) in [
        (ldaps(&house.slapd), SERVICE),
        (
            format!("ldap://127.0.0.1:{}", house.slapd.plain()),
            starttls.as_str(),
        ),
    ] {
        let other = collector(&url, more, &stranger, SERVICE_PASSWORD);
        let (status, page) = attempt(&mut visitor(&other), "wang", PASSWORD);
        assert_eq!(status, 503, "{page}");
        logged(&other, "certificate");
    }
    let outdated = collector(&ldaps(&house.slapd), SERVICE, &house.authority, "another");
    assert_eq!(attempt(&mut visitor(&outdated), "wang", PASSWORD).0, 503);
    logged(&outdated, "refuses bind_dn");
}

/// The answer may be here before the line of the log.
fn logged(collector: &Collector, told: &str) {
    let found = eventually(told, PATIENCE, || {
        Ok(collector.log().contains(told).then_some(()))
    });
    assert!(found.is_ok(), "{found:?}\n{}", collector.log());
}
