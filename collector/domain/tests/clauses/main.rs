//! The shipped rules, clause by clause: for each rule what breaches it, what does not, and what nobody could see.
//! `cases` are rules that one fact breaches; `trials` are all others.

mod cases_hold;
#[path = "../office/mod.rs"]
mod office;
#[path = "../packs/mod.rs"]
mod packs;
mod states;
mod table_office;
mod table_pc;
mod trials;

#[path = "../support/mod.rs"]
mod support;

use deskwarden_domain::{
    judge::{Context, Graces},
    model::{FindingState, Outcome},
    rules::{Checkable, RuleSet},
};
use deskwarden_proto::v1::{
    Account, Activation, Band, Egress, Exposure, Facet, Health, Listener, Look, Os, Proxy, Section, Security,
    Share, Software, SoftwareKind, Switch,
};
use std::sync::{Arc, LazyLock};
use support::{Pc, approve};

static SET: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(packs::shipped()));

fn shipped() -> Context {
    Context {
        generation: 1,
        rules: Arc::clone(&SET),
        ranges: Arc::from([]),
        down: Arc::default(),
        graces: Graces::Kept,
        licences: Arc::default(),
    }
}

/// One rule, with an item that breaches it and one that is much like it and does not.
struct Case {
    rule: &'static str,
    clause: &'static str,
    section: Section,
    source: &'static str,
    breach: Facet,
    clean: Facet,
}

fn case(
    rule: &'static str,
    clause: &'static str,
    (section, source): (Section, &'static str),
    breach: impl Into<Facet>,
    clean: impl Into<Facet>,
) -> Case {
    let (breach, clean) = (breach.into(), clean.into());
    Case {
        rule,
        clause,
        section,
        source,
        breach,
        clean,
    }
}

fn title(name: &str) -> Software {
    Software {
        name: name.into(),
        kind: SoftwareKind::UninstallEntry.into(),
        ..Software::default()
    }
}

fn program(rule: &'static str, clause: &'static str, breach: &str, clean: &str) -> Case {
    case(
        rule,
        clause,
        (Section::Software, "uninstall"),
        title(breach),
        title(clean),
    )
}

fn security(topic: &str, enabled: Switch, change: impl FnOnce(&mut Security)) -> Security {
    let mut security = Security {
        topic: topic.into(),
        product: "P".into(),
        enabled: enabled.into(),
        ..Security::default()
    };
    change(&mut security);
    security
}

fn health(topic: &str, band: Band) -> Health {
    Health {
        topic: topic.into(),
        band: band.into(),
        subject: "wwn:5".into(),
        detail: String::new(),
    }
}

fn account(change: impl FnOnce(&mut Account)) -> Account {
    let mut account = Account {
        name: "wang".into(),
        enabled: true,
        interactive: true,
        ..Account::default()
    };
    change(&mut account);
    account
}

fn listener(program: &str, port: u32, exposure: Exposure, proxy_kind: &str) -> Listener {
    Listener {
        protocol: "tcp".into(),
        port,
        program: program.into(),
        exposure: exposure.into(),
        proxy_kind: proxy_kind.into(),
        ..Listener::default()
    }
}

fn share(guest: bool, administrative: bool) -> Share {
    Share {
        name: "pub".into(),
        protocol: "smb".into(),
        guest,
        administrative,
        ..Share::default()
    }
}

fn egress(program: &str, port: u32) -> Egress {
    Egress {
        program: program.into(),
        port,
        protocol: "tcp".into(),
        package: String::new(),
    }
}

fn os(activation: Activation) -> Os {
    Os {
        name: "Windows".into(),
        activation: activation.into(),
        ..Os::default()
    }
}

fn proxy(value: &str, enabled: bool) -> Proxy {
    Proxy {
        setting: "http_proxy".into(),
        value: value.into(),
        scheme: "http".into(),
        host: "192.0.2.9".into(),
        port: 8080,
        enabled,
        ..Proxy::default()
    }
}

fn cases() -> Vec<Case> {
    use Switch::{Off, On};
    let screen = (Section::Security, "screen-lock");
    let same = |_: &mut Security| {};
    vec![
        program(
            "pc.remote-control",
            "PC 3.1.4.3 b",
            "向日葵远程控制",
            "微软拼音输入法",
        ),
        case(
            "pc.remote-service",
            "PC 3.1.4.3 b",
            (Section::Security, "remote-access"),
            security("remote_access", On, same),
            security("remote_access", Off, same),
        ),
        case(
            "pc.remote-port",
            "PC 3.1.4.3 b",
            (Section::Listener, "proc-net"),
            listener("/home/wang/tool", 5900, Exposure::Network, ""),
            listener("/home/wang/tool", 5900, Exposure::Loopback, ""),
        ),
        case(
            "pc.share",
            "PC 3.1.4.3 b",
            (Section::Share, "samba"),
            share(false, false),
            share(false, true),
        ),
        program("pc.wechat", "PC 3.2.4", "微信", "企业微信"),
        program("pc.crack", "PC 3.1.4.3 c", "KMSpico", "7-Zip 24.08 (x64)"),
        case(
            "pc.not-activated",
            "PC 3.1.4.3 c",
            (Section::Os, "os-release"),
            os(Activation::NotActivated),
            os(Activation::Unknown),
        ),
        program("pc.bulk-mail", "PC 3.1.4.3 d", BULK, "Foxmail"),
        case(
            "pc.smtp-egress",
            "PC 3.1.4.3 d",
            (Section::Egress, "proc-net"),
            egress("/home/wang/bulk", 25),
            egress("/home/wang/bulk", 465),
        ),
        case(
            "pc.disk-failing",
            "PC 3.2.2",
            (Section::Health, "smart"),
            health("disk_failing", Band::Critical),
            health("disk_failing", Band::Warning),
        ),
        case(
            "pc.disk-worn",
            "PC 3.2.2",
            (Section::Health, "smart"),
            health("disk_failing", Band::Warning),
            health("disk_failing", Band::Ok),
        ),
        case(
            "pc.disk-full",
            "PC 3.2.2",
            (Section::Health, "space"),
            health("disk_full", Band::Critical),
            health("disk_full", Band::Warning),
        ),
        case(
            "pc.dirty-shutdown",
            "PC 3.2.2",
            (Section::Health, "shutdowns"),
            health("dirty_shutdown", Band::Critical),
            health("dirty_shutdown", Band::Warning),
        ),
        case(
            "pc.crash",
            "PC 3.2.2",
            (Section::Health, "crashes"),
            health("crash", Band::Critical),
            health("crash", Band::Warning),
        ),
        program("pc.game", "PC 3.2.3", "英雄联盟", "有道词典"),
        program("pc.video", "PC 3.2.3", "爱奇艺", "WPS Office"),
        program("pc.music", "PC 3.2.3", "QQ音乐", "QQ拼音输入法"),
        program("pc.downloader", "PC 3.2.3", "迅雷", "7-Zip 24.08 (x64)"),
        program("pc.stock", "PC 3.2.3", "同花顺", "用友U8"),
        program("pc.chat", "PC 3.2.4", "腾讯QQ 9.7.25", "QQ拼音输入法"),
        program("pc.hacking", "PC 3.2.4", "Cain & Abel", "Nmap 7.95"),
        program(
            "pc.hacking-dual-use",
            "PC 3.2.4",
            "Nmap 7.95",
            "7-Zip 24.08 (x64)",
        ),
        program("pc.mining", "PC 3.2.4", "XMRig", "7-Zip 24.08 (x64)"),
        case(
            "pc.antivirus-outdated",
            "PC 3.2.4",
            (Section::Security, "antivirus"),
            security("antivirus", On, |s| s.up_to_date = Off.into()),
            security("antivirus", Off, |s| s.up_to_date = Off.into()),
        ),
        case(
            "pc.virus-detected",
            "PC 3.2.4",
            (Section::Security, "detections"),
            security("detection", Switch::Unspecified, |s| s.detail = "Trojan".into()),
            security("firewall", Off, same),
        ),
        case(
            "pc.proxy-configured",
            "PC 3.2.5",
            (Section::Proxy, "environment"),
            proxy("http://192.0.2.9:8080", true),
            proxy("http://192.0.2.9:8080", false),
        ),
        program(
            "pc.proxy-program",
            "PC 3.2.5",
            "Clash for Windows",
            "7-Zip 24.08 (x64)",
        ),
        case(
            "pc.proxy-listener",
            "PC 3.2.5",
            (Section::Listener, "proc-net"),
            listener("/home/wang/p", 8080, Exposure::Loopback, "http"),
            listener("/home/wang/p", 8080, Exposure::Loopback, ""),
        ),
        case(
            "pc.connection-sharing",
            "PC 3.2.5",
            (Section::Security, "forwarding"),
            security("connection_sharing", On, same),
            security("connection_sharing", Off, same),
        ),
        case(
            "pc.screen-lock-off",
            "PC 3.2.6",
            screen,
            security("screen_lock", Off, same),
            security("screen_lock", On, |s| s.seconds = 900),
        ),
        case(
            "pc.screen-lock-late",
            "PC 3.2.6",
            screen,
            security("screen_lock", On, |s| s.seconds = 901),
            security("screen_lock", On, |s| s.seconds = 900),
        ),
        case(
            "pc.password-empty",
            "PC 3.2.6",
            (Section::Account, "passwd"),
            account(|a| a.password_empty = true),
            account(|a| (a.password_empty, a.enabled) = (true, false)),
        ),
        case(
            "pc.password-never-expires",
            "PC 3.2.6",
            (Section::Account, "passwd"),
            account(|a| a.password_never_expires = true),
            account(|a| (a.password_never_expires, a.interactive) = (true, false)),
        ),
        case(
            "pc.password-policy",
            "PC 3.2.6",
            (Section::Security, "password-policy"),
            security("password_policy", On, |s| s.minimum_length = 7),
            security("password_policy", On, |s| s.minimum_length = 8),
        ),
        case(
            "pc.auto-logon",
            "PC 3.2.6",
            (Section::Security, "auto-logon"),
            security("auto_logon", On, same),
            security("auto_logon", Off, same),
        ),
        program("pc.cloud-drive", "PC 3.2.7", "百度网盘", "7-Zip 24.08 (x64)"),
        case(
            "pc.disk-unencrypted",
            "PC 3.2.7",
            (Section::Security, "disk-encryption"),
            security("disk_encryption", Off, same),
            security("disk_encryption", On, same),
        ),
        case(
            "pc.share-open",
            "PC 3.2.7",
            (Section::Share, "samba"),
            share(true, false),
            share(false, false),
        ),
    ]
}

const BULK: &str = "双翼邮件群发软件";

/// Longer than any grace of the pack.
const GRACE: i64 = 8 * 86_400_000;

fn portable() -> Pc {
    let mut pc = Pc::new();
    pc.state.device.platform = "windows-x86_64".into();
    pc.state.device.hints.portable = true;
    pc
}

fn sees(pc: &mut Pc, context: &Context, case: &Case, look: Look, facet: Option<&Facet>) {
    let facts = facet
        .map(|facet| ("k".to_owned(), facet.clone()))
        .into_iter()
        .collect();
    pc.reads(context, case.section, case.source, look, facts);
}

/// Judged again when every grace has ended.
fn later(pc: &mut Pc, context: &Context) {
    pc.now += GRACE;
    pc.rejudge(context);
}

#[test]
fn every_clause_that_rules_can_check_has_rules() {
    for regulation in SET.regulations() {
        let checked = regulation.clauses.iter();
        for clause in checked.filter(|clause| clause.checkable == Checkable::Rules) {
            let proved = SET
                .rules()
                .iter()
                .any(|rule| rule.regulation == regulation.id && rule.clause == clause.number);
            assert!(proved, "{} {}", regulation.id, clause.number);
        }
    }
}
