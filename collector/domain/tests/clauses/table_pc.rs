//! Rules about one PC that need more than one fact: itself, its accounts, parts and addresses, and its register.

use deskwarden_domain::{
    model::{AssetClass, AssetState, NoticeId, OpenNotice},
    register::{Order, Person, Provider, Subnet, Transfer, Visit},
};
use deskwarden_proto::v1::{AddressMode, Logon, LogonKind, Network};

use super::{
    support::{
        desk::{self, DAY, START, registered},
        interface, memory,
    },
    trials::{Scene, Trial, Tried},
    *,
};

const HOUR: i64 = 3_600_000;
const RECORD: &str = "what it asks is a record of the collector's own, which is always there";

fn with(change: impl FnOnce(&mut Pc)) -> Pc {
    let mut pc = registered();
    change(&mut pc);
    pc
}

fn denied(context: &Context, section: Section, source: &str) -> Pc {
    with(|pc| {
        pc.reads(context, section, source, Look::Denied, vec![]);
    })
}

/// Products of a kind of protection, judged when every grace is over.
fn protected(context: &Context, topic: &str, switches: &[Switch]) -> Pc {
    let facts = switches
        .iter()
        .map(|on| (topic.to_owned(), Facet::from(security(topic, *on, |_| {}))))
        .collect();
    with(|pc| {
        pc.reads(context, Section::Security, topic, Look::Looked, facts);
        later(pc, context);
    })
}

/// Accounts at first contact, and then.
fn accounts(context: &Context, then: &[(&str, bool)]) -> Pc {
    let read = |pc: &mut Pc, accounts: &[(&str, bool)]| {
        let of = |(name, administrator): &(&str, bool)| {
            let facet = account(|a| (a.name, a.administrator) = ((*name).into(), *administrator));
            ((*name).to_owned(), Facet::from(facet))
        };
        let facts = accounts.iter().map(of).collect();
        pc.reads(context, Section::Account, "passwd", Look::Looked, facts);
    };
    with(|pc| {
        read(pc, &[("wang", false)]);
        read(pc, then);
    })
}

/// Memory as it was accepted, and then.
fn parts(context: &Context, orders: Vec<Order>, then: &str) -> Pc {
    with(|pc| {
        pc.state.papers.orders = orders;
        for serial in ["AAAA1111", then] {
            let facts = vec![memory(serial)];
            pc.reads(context, Section::Part, "smbios", Look::Looked, facts);
        }
    })
}

fn order() -> Order {
    Order {
        number: "WO-1".into(),
        from: START - DAY,
        to: START + DAY,
        parts: vec!["memory".into()],
    }
}

/// A network card beside its entry in the ledger.
fn card(context: &Context, change: impl FnOnce(&mut Network)) -> Pc {
    with(|pc| {
        pc.state.ledger = vec![desk::assigned()];
        let facts = vec![desk::card(change)];
        pc.reads(context, Section::Network, "interfaces", Look::Looked, facts);
    })
}

/// Who was at the screen on the last days.
fn used_by(context: &Context, user: &str, days: i64) -> Pc {
    let sign_in = |back: i64| {
        let day = deskwarden_domain::moment::day_text(START - back * DAY);
        let logon = Logon {
            user: user.into(),
            day: day.clone(),
            kind: LogonKind::Console.into(),
            from: String::new(),
        };
        (format!("{user}:{day}"), Facet::from(logon))
    };
    with(|pc| {
        pc.state.papers.person = Some(Person {
            name: "王芳".into(),
            accounts: vec!["wangfang".into()],
        });
        let facts = (1..=days).map(sign_in).collect();
        pc.reads(context, Section::Logon, "wtmp", Look::Looked, facts);
    })
}

fn nobody_looks_at_sign_ins(context: &Context) -> Pc {
    let mut pc = denied(context, Section::Logon, "wtmp");
    pc.state.papers.person = Some(Person {
        name: "王芳".into(),
        accounts: vec!["wangfang".into()],
    });
    pc
}

fn out_of_use(state: AssetState, since: i64) -> Pc {
    with(|pc| (pc.state.asset.state, pc.state.asset.state_since) = (state, since))
}

fn gone(mut pc: Pc, days: i64) -> Pc {
    pc.state.device.last_seen_at = Some(START - days * DAY);
    pc
}

fn transfer(due: i64) -> Pc {
    with(|pc| {
        pc.state.papers.transfers = vec![Transfer {
            number: "T-1".into(),
            from: "李伟".into(),
            to: "王芳".into(),
            date: due - 3 * DAY,
            due,
            received: None,
        }];
    })
}

fn outsourced(change: impl FnOnce(&mut Pc)) -> Pc {
    let mut pc = with(|pc| {
        pc.state.asset.class = AssetClass::Outsourced;
        pc.state.asset.provider = Some("甲公司".into());
        pc.state.papers.provider = Some(Provider {
            name: "甲公司".into(),
            responsible: "赵强".into(),
            subnets: Subnet::parse("10.0.0.0/24").into_iter().collect(),
        });
    });
    change(&mut pc);
    pc
}

fn in_network(context: &Context, ip: &str) -> Pc {
    outsourced(|pc| {
        let facts = vec![interface(ip, AddressMode::Static)];
        pc.reads(context, Section::Network, "netlink", Look::Looked, facts);
    })
}

type Pcs = fn(&Context) -> Pc;

fn trial(rule: &'static str, breach: Pcs, clean: Pcs, blind: Tried<Pcs>) -> Trial {
    Trial {
        rule,
        breach: Scene::Pc(breach),
        clean: Scene::Pc(clean),
        blind,
        approval: Tried::By(()),
    }
}

/// Everything that it asks is in the collector's own records.
fn of_record(rule: &'static str, breach: Pcs, clean: Pcs) -> Trial {
    trial(rule, breach, clean, Tried::NotApplicable(RECORD))
}

pub(crate) fn trials() -> Vec<Trial> {
    [itself(), protection(), address(), register(), out()]
        .into_iter()
        .flatten()
        .collect()
}

fn itself() -> Vec<Trial> {
    let calm: Pcs = |_| registered();
    vec![
        of_record(
            "pc.unregistered",
            |_| with(|pc| pc.state.asset.provisional = true),
            calm,
        ),
        of_record(
            "pc.restored-or-cloned",
            |_| with(|pc| pc.state.device.forked_at = Some(START)),
            calm,
        ),
        of_record(
            "pc.agent-silent",
            |_| with(|pc| pc.state.device.last_seen_at = Some(START - HOUR)),
            calm,
        ),
        of_record(
            "pc.notice-overdue",
            |_| {
                with(|pc| {
                    pc.state.notices = vec![OpenNotice {
                        id: NoticeId(1),
                        number: "信整〔2026〕001号".into(),
                        due_at: START - 1,
                    }];
                })
            },
            calm,
        ),
        trial(
            "pc.agent-failing",
            |context| {
                with(|pc| {
                    pc.reads(context, Section::Software, "dpkg", Look::Failed, vec![]);
                    later(pc, context);
                })
            },
            |context| {
                with(|pc| {
                    pc.reads(context, Section::Software, "dpkg", Look::Looked, vec![]);
                    later(pc, context);
                })
            },
            Tried::NotApplicable("that something could not be looked at is what it is about"),
        ),
    ]
}

fn protection() -> Vec<Trial> {
    vec![
        trial(
            "pc.antivirus-off",
            |context| protected(context, "antivirus", &[Switch::Off]),
            |context| protected(context, "antivirus", &[Switch::On]),
            Tried::By(|context| denied(context, Section::Security, "antivirus")),
        ),
        trial(
            "pc.firewall-off",
            |context| protected(context, "firewall", &[Switch::Off]),
            |context| protected(context, "firewall", &[Switch::On]),
            Tried::By(|context| denied(context, Section::Security, "firewall")),
        ),
        trial(
            "pc.account-added",
            |context| accounts(context, &[("wang", false), ("li", false)]),
            |context| accounts(context, &[("wang", true)]),
            Tried::By(|context| denied(context, Section::Account, "passwd")),
        ),
        trial(
            "pc.administrator-added",
            |context| accounts(context, &[("wang", true)]),
            |context| accounts(context, &[("wang", false), ("li", false)]),
            Tried::By(|context| denied(context, Section::Account, "passwd")),
        ),
        trial(
            "pc.repair-unordered",
            |context| parts(context, vec![], "BBBB2222"),
            |context| parts(context, vec![order()], "BBBB2222"),
            Tried::By(|context| denied(context, Section::Part, "smbios")),
        ),
        trial(
            "pc.part-changed",
            |context| parts(context, vec![], "BBBB2222"),
            |context| parts(context, vec![], "AAAA1111"),
            Tried::By(|context| denied(context, Section::Part, "smbios")),
        ),
        trial(
            "pc.part-ordered",
            |context| parts(context, vec![order()], "BBBB2222"),
            |context| parts(context, vec![], "BBBB2222"),
            Tried::By(|context| denied(context, Section::Part, "smbios")),
        ),
    ]
}

fn address() -> Vec<Trial> {
    let clean: Pcs = |context| card(context, |_| {});
    let blind = || Tried::By((|context| denied(context, Section::Network, "interfaces")) as Pcs);
    vec![
        trial(
            "pc.address-changed",
            |context| card(context, |card| card.addresses[0].ip = "10.1.2.77".into()),
            clean,
            blind(),
        ),
        trial(
            "pc.gateway-wrong",
            |context| card(context, |card| card.gateways = vec!["10.1.2.66".into()]),
            clean,
            blind(),
        ),
        trial(
            "pc.dns-wrong",
            |context| card(context, |card| card.dns = vec!["192.0.2.53".into()]),
            clean,
            blind(),
        ),
        trial(
            "pc.mac-changed",
            |context| card(context, |card| card.mac = "02:00:00:00:00:01".into()),
            clean,
            blind(),
        ),
    ]
}

fn register() -> Vec<Trial> {
    vec![
        trial(
            "pc.transfer-unrecorded",
            |context| used_by(context, "liwei", 5),
            |context| used_by(context, "liwei", 4),
            Tried::By(nobody_looks_at_sign_ins),
        ),
        trial(
            "pc.idle",
            |context| gone(used_by(context, "wangfang", 1), 31),
            |context| used_by(context, "wangfang", 1),
            Tried::By(nobody_looks_at_sign_ins),
        ),
        of_record(
            "pc.idle-reports",
            |_| out_of_use(AssetState::Idle, START - 2 * DAY),
            |_| out_of_use(AssetState::Idle, START - HOUR),
        ),
        of_record(
            "pc.lost-reports",
            |_| out_of_use(AssetState::Lost, START - 2 * DAY),
            |_| out_of_use(AssetState::Lost, START - HOUR / 2),
        ),
        of_record(
            "pc.scrapped-reports",
            |_| out_of_use(AssetState::Scrapped, START - 2 * DAY),
            |_| out_of_use(AssetState::Scrapped, START - HOUR),
        ),
        of_record(
            "pc.gone-unordered",
            |_| gone(registered(), 8),
            |_| gone(registered(), 6),
        ),
        of_record(
            "pc.transfer-form-due",
            |_| transfer(START + DAY / 2),
            |_| transfer(START + 2 * DAY),
        ),
        of_record(
            "pc.transfer-form-overdue",
            |_| transfer(START - HOUR),
            |_| transfer(START + HOUR),
        ),
    ]
}

fn out() -> Vec<Trial> {
    vec![
        of_record(
            "out.unsupervised",
            |_| outsourced(|pc| pc.state.asset.provider = None),
            |_| outsourced(|_| {}),
        ),
        of_record(
            "out.silent",
            |_| gone(outsourced(|_| {}), 2),
            |_| outsourced(|_| {}),
        ),
        of_record(
            "out.visit-outside",
            |_| outsourced(|_| {}),
            |_| {
                outsourced(|pc| {
                    pc.state.papers.visits = vec![Visit {
                        number: "V-1".into(),
                        from: START - HOUR,
                        to: START + HOUR,
                    }];
                })
            },
        ),
        trial(
            "out.subnet-forbidden",
            |context| in_network(context, "10.9.0.20"),
            |context| in_network(context, "10.0.0.20"),
            Tried::By(|context| {
                outsourced(|pc| {
                    pc.reads(context, Section::Network, "netlink", Look::Denied, vec![]);
                })
            }),
        ),
    ]
}
