//! What a file may say, and how a faulty one is refused.

use std::os::unix::fs::PermissionsExt as _;

use deskwarden_domain::model::Severity;

use super::*;

fn parse(text: &str, base: &Path) -> Result<Config, ConfigError> {
    Config::parse(text, "collector.toml", base, Path::new("/data"), Reach::Network)
}

fn faults(text: &str) -> Vec<String> {
    match parse(text, Path::new("/nowhere")) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn an_empty_file_has_defaults() {
    let config = parse("", Path::new("/etc/deskwarden")).unwrap();
    assert_eq!(config.store.reveal(), "sqlite:/data/deskwarden.db");
    assert_eq!(config.rules_dir, Path::new("/data/rules.d"));
    assert_eq!(config.agents.listen, "0.0.0.0:7443".parse().unwrap());
    assert_eq!(config.language, Lang::Zh);
    assert!(config.channels.is_empty());
}

#[test]
fn a_data_folder_without_a_file_listens_on_this_machine_and_writes_alerts_out() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::of_data(folder.path()).unwrap();
    assert!(config.agents.listen.ip().is_loopback());
    assert!(config.dashboard.listener.listen.ip().is_loopback());
    assert_eq!(config.channels, [Channel::log("log")]);
}

#[test]
fn two_doors_have_two_ports() {
    assert_eq!(
        faults("[agents]\nlisten = \"127.0.0.1:9999\"\n[dashboard]\nlisten = \"127.0.0.1:9999\"\n"),
        [
            "collector.toml:4: dashboard.listen: the same address and port as agents.listen; give each a port of its own"
        ]
    );
    let any = "[agents]\nlisten = \"127.0.0.1:0\"\n[dashboard]\nlisten = \"127.0.0.1:0\"\n";
    assert!(parse(any, Path::new("/")).is_ok());
}

#[test]
fn a_store_on_several_servers_is_taken_as_it_is_written() {
    let store = "postgres://deskwarden@db1:5432,db2:5433/deskwarden?target_session_attrs=read-write&connect_timeout=5";
    let config = parse(&format!("store = {store:?}\n"), Path::new("/")).unwrap();
    assert_eq!(config.store.reveal(), store);
}

#[test]
fn a_full_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, " s3cret\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = r#"
data_dir = "data"
store = "postgres://deskwarden@db/deskwarden"
public_url = "https://desk.example.com:8443/"
language = "en"
observation = true
[inspection]
every = "week"
[agents]
listen = "[::]:7443"
names = ["desk.example.com", "10.0.0.5"]
[dashboard]
certificate = "desk.pem"
key = "desk.key"
[[channel]]
name = "mail"
kind = "smtp"
host = "mail.example.com"
user = "deskwarden"
password_file = "secret"
from = "Deskwarden <desk@example.com>"
to = ["it@example.com"]
min_severity = "high"
[[channel]]
name = "oa"
kind = "webhook"
url = "http://127.0.0.1:8080/hook"
secret_file = "secret"
allow = ["127.0.0.1:8080"]
"#;
    let config = parse(text, folder.path()).unwrap();
    assert_eq!(config.data_dir, folder.path().join("data"));
    assert_eq!(
        config.public_url.as_deref(),
        Some("https://desk.example.com:8443")
    );
    assert_eq!(config.observation, Some(true));
    assert_eq!(config.inspection, deskwarden_domain::model::Every::Week);
    let [mail, hook] = config.channels.as_slice() else {
        panic!("two channels")
    };
    assert_eq!(mail.min_severity, Severity::High);
    assert!(
        matches!(&mail.kind, ChannelKind::Smtp(Smtp { port: 587, login: Some((_, s)), .. }) if s.reveal() == "s3cret")
    );
    assert!(matches!(&hook.kind, ChannelKind::Webhook(w) if w.allow.len() == 1));
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("@db"), "{shown}");
}

#[test]
fn every_fault_is_reported_at_once_with_its_line() {
    let text = "colour = \"red\"\nstore = \"mysql:x\"\nobservation = \"yes\"\n[agents]\nlisten = \"here\"\nnmes = []\n[dashboard]\nkey = \"k\"\n[[channel]]\nname = \"a b\"\nkind = \"fax\"\n";
    let faults = faults(text);
    let lines: Vec<&str> = faults.iter().map(|f| f.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["1", "2", "3", "5", "6", "8", "10", "11"], "{faults:#?}");
    assert!(faults.iter().all(|f| f.starts_with("collector.toml:")));
}

#[test]
fn an_unknown_period_of_inspections_is_refused_with_what_there_is() {
    let faults = faults("[inspection]\nevery = \"monthly\"\n");
    let [fault] = faults.as_slice() else {
        panic!("{faults:?}")
    };
    assert!(fault.starts_with("collector.toml:2:"), "{fault}");
    assert!(
        fault.contains("inspection.every: one of never, day, week, month"),
        "{fault}"
    );
}

#[test]
fn broken_toml_names_its_line() {
    assert!(faults("a = \n[agents\n")[0].starts_with("collector.toml:1:"));
}

#[test]
fn plain_mail_to_another_machine_is_refused_unless_asked_for() {
    let text = |host: &str, more: &str| {
        format!(
            "[[channel]]\nname='m'\nkind='smtp'\nhost='{host}'\ntls='none'\nfrom='a@b.example'\nto=['c@d.example']\n{more}"
        )
    };
    assert!(faults(&text("mail.example.com", ""))[0].contains("allow_plain"));
    assert!(parse(&text("127.0.0.1", ""), Path::new("/")).is_ok());
    assert!(parse(&text("mail.example.com", "allow_plain=true\n"), Path::new("/")).is_ok());
}

#[test]
fn a_secret_that_everybody_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "x").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Secret::read(&file).unwrap_err().to_string().contains("chmod"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, " \n").unwrap();
    assert!(Secret::read(&file).unwrap_err().to_string().contains("empty"));
}

#[test]
fn keys_of_another_kind_and_bad_addresses_are_refused() {
    let text = "[[channel]]\nname='m'\nkind='smtp'\nhost='h'\nurl='https://x'\nfrom='no address'\nto=['also none']\n";
    let faults = faults(text).join("\n");
    assert!(faults.contains("channel.url does not belong"), "{faults}");
    assert!(
        faults.contains("\"no address\"") && faults.contains("\"also none\""),
        "{faults}"
    );
}

#[test]
fn two_channels_of_one_name_are_refused() {
    let text = "[[channel]]\nname='x'\nkind='log'\n[[channel]]\nname='x'\nkind='log'\n";
    assert!(
        faults(text)[0].starts_with("collector.toml:4:"),
        "{:?}",
        faults(text)
    );
}

/// What the packages for Linux and for Windows bring.
const PACKAGED: [&str; 2] = [
    include_str!("../../../deploy/linux/collector.toml"),
    include_str!("../../../deploy/windows/collector/collector.toml"),
];

/// The file with its examples as if they held; of two stores the second.
fn examples(text: &str) -> String {
    text.lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if example.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => example,
            _ => line,
        })
        .filter(|line| !line.starts_with("store = \"sqlite"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn the_packaged_file_says_what_holds_without_it() {
    let [text, _] = PACKAGED;
    let folder = tempfile::tempdir().unwrap();
    let mut plain = parse("", folder.path()).unwrap();
    plain.channels.push(Channel::log("log"));
    // Beside it comes what makes backups.
    plain.backup_mark = Some("/var/lib/deskwarden-collector-backups/last".into());
    assert_eq!(parse(text, folder.path()).unwrap(), plain);
}

#[test]
fn every_example_line_of_a_packaged_file_is_accepted_apart_from_the_files_that_it_names() {
    for text in PACKAGED {
        let folder = tempfile::tempdir().unwrap();
        let error = parse(&examples(text), folder.path()).unwrap_err().to_string();
        assert!(error.lines().all(|line| line.contains("_file: ")), "{error}");
    }
}

#[test]
fn every_key_that_is_read_stands_in_the_packaged_files() {
    let mut keys = Vec::new();
    known(&[], &mut keys);
    let has = |path: &str| keys.iter().any(|key| key.join(".") == path);
    assert!(
        keys.len() > 70 && has("sign_in.ldap.group.roles") && has("channel.facility"),
        "{keys:?}"
    );
    for text in PACKAGED {
        let file: toml::Value = toml::from_str(&examples(text)).unwrap();
        for key in &keys {
            // What contradicts another example is named in words.
            let named = key.last().is_some_and(|last| {
                text.contains(&format!("`{last}`")) || text.contains(&format!("`{last} ="))
            });
            assert!(stands(&file, key) || named, "{} is in no example", key.join("."));
        }
    }
}

/// Keys below a table: the reader names them where it is given one that it does not know.
fn known(table: &[String], keys: &mut Vec<Vec<String>>) {
    let name = table.join(".");
    let headers = if table.is_empty() {
        [String::new(), String::new()]
    } else {
        [format!("[{name}]\n"), format!("[[{name}]]\n")]
    };
    let told = headers.iter().find_map(|header| {
        let told = faults(&format!("{header}no_such_key = 1\n")).join("\n");
        told.split_once("unknown field `no_such_key`, expected")
            .map(|(_, rest)| rest.lines().next().unwrap_or_default().to_owned())
    });
    for key in told.iter().flat_map(|rest| rest.split('`').skip(1).step_by(2)) {
        let mut path = table.to_vec();
        path.push(key.to_owned());
        known(&path, keys);
        keys.push(path);
    }
}

fn stands(value: &toml::Value, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    match value {
        toml::Value::Array(values) => values.iter().any(|value| stands(value, path)),
        value => value.get(first).is_some_and(|value| stands(value, rest)),
    }
}

#[test]
fn one_equal_serial_is_no_rule() {
    let parsed = |text: &str| {
        let here = std::path::Path::new(".");
        Config::parse(text, "c.toml", here, here, Reach::Loopback)
    };
    let error = parsed("[enrolment]\nlink_serials = 1\n").unwrap_err().to_string();
    assert!(error.contains("c.toml:2: enrolment.link_serials"), "{error}");
    assert_eq!(parsed("[enrolment]\nlink_serials = 3\n").unwrap().link_serials, 3);
    assert_eq!(parsed("").unwrap().link_serials, 0);
}

#[test]
fn connections_of_one_address_are_bounded_by_those_in_all() {
    let parsed = |text: &str| parse(&format!("[agents]\n{text}"), Path::new("/etc/deskwarden"));
    let usual = parsed("").unwrap().connections;
    assert_eq!((usual.per_peer, usual.connections), (4_000, 20_000));
    for most in [16, 12_000, 20_000] {
        let own = parsed(&format!("connections_per_address = {most}\n")).unwrap();
        assert_eq!(
            own.connections,
            net::Limits {
                per_peer: most,
                ..usual
            }
        );
    }
    for wrong in ["15", "20001", "0"] {
        let error = parsed(&format!("connections_per_address = {wrong}\n")).unwrap_err();
        let told = "collector.toml:2: agents.connections_per_address: from 16 to 20000";
        assert_eq!(error.to_string(), told, "{wrong}");
    }
    let elsewhere = faults("[dashboard]\nconnections_per_address = 100\n").join("\n");
    assert!(elsewhere.contains("connections_per_address"), "{elsewhere}");
}

#[test]
fn limits_of_operational_alerts_are_bounded() {
    let parsed = |text: &str| {
        let here = std::path::Path::new(".");
        Config::parse(text, "c.toml", here, here, Reach::Loopback)
    };
    let usual = parsed("").unwrap();
    assert_eq!((usual.limits.certificate_days, usual.backup_mark), (30, None));
    let own = parsed("[operations]\ncertificate_days = 7\ndisk_free_percent = 5\nbackup_mark = \"b.done\"\n")
        .unwrap();
    assert_eq!((own.limits.certificate_days, own.limits.disk_free), (7, 5));
    assert!(own.backup_mark.is_some_and(|file| file.ends_with("b.done")));
    let error = parsed("[operations]\ncertificate_days = 0\ndisk_free_percent = 91\nbackup_hours = 0\n")
        .unwrap_err()
        .to_string();
    for (line, key) in [
        (2, "certificate_days"),
        (3, "disk_free_percent"),
        (4, "backup_hours"),
    ] {
        assert!(
            error.contains(&format!("c.toml:{line}: operations.{key}")),
            "{error}"
        );
    }
}

#[test]
fn people_sign_in_as_the_file_says_and_the_audit_log_is_kept_long_enough() {
    let good = "[sign_in]\nsecond_factor = [\"administrator\", \"auditor\"]\nidle_minutes = 10\nlongest_hours = 8\n\
                [retention]\naudit_days = 200\n";
    let config = parse(good, Path::new("/etc/deskwarden")).unwrap();
    assert_eq!(config.people.second_factor.len(), 2);
    assert_eq!(
        (config.people.idle.as_secs(), config.people.longest.as_secs()),
        (600, 28_800)
    );
    assert_eq!(config.people.audit_days, 200);
    let bad = "[sign_in]\nsecond_factor = [\"boss\"]\nidle_minutes = 0\nlongest_hours = 25\n\
               [retention]\naudit_days = 199\n";
    let told = faults(bad).join("\n");
    for part in [
        "\"boss\"",
        "idle_minutes: from 1",
        "longest_hours: from 1 to 24",
        "audit_days: at least 200",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
