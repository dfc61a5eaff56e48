//! What happens in the simulated office, day by day: a roll-out, work, breaches, some of them mended.

use deskwarden_domain::model::Millis;
use deskwarden_proto::v1::{Band, Delta, Switch};

use crate::clock;

use super::{
    DAY, HOUR,
    facts::{self, Facts},
    office::{Dice, Office, Pc},
    titles::FORBIDDEN,
};

/// Days of the roll-out.
const ROLL_OUT: usize = 5;

/// One moment.
pub(super) struct Scene {
    pub(super) at: Millis,
    /// Index of the PC.
    pub(super) pc: usize,
    pub(super) act: Act,
}

/// What happens.
pub(super) enum Act {
    /// The agent is installed, enrols and reports for the first time.
    Arrive,
    /// The administrator enters the PC into register and ledger.
    Register,
    /// The agent reports a change.
    Report(Delta),
    /// A technician goes through the findings.
    Review,
}

/// What somebody does to a PC: how, and how it is mended.
type Deed = fn(&mut Facts, &Pc, &Office);

/// Breaches beside forbidden titles, and what mends them.
const DEEDS: &[(Deed, Deed)] = &[
    (
        |f, pc, _| {
            facts::memory(
                f,
                "DIMM_B1",
                "Kingston",
                "KVR26N19S8/8",
                &format!("X9{:06}", pc.number),
                4 << 30,
            )
        },
        |f, pc, _| {
            let serial = format!("36F2{:05}", pc.number);
            facts::memory(f, "DIMM_B1", "Samsung", "M378A1K43EB2-CWE", &serial, 8 << 30);
        },
    ),
    (
        // A module of the next PC turns up here.
        |f, pc, office| {
            let serial = format!(
                "36F1{:05}",
                pc.number % u32::try_from(office.pcs().len()).unwrap_or(1) + 1
            );
            facts::memory(f, "DIMM_A2", "Samsung", "M378A1K43EB2-CWE", &serial, 8 << 30);
        },
        |f, _, _| f.retain(|(_, _, key, _), _| !key.contains("DIMM_A2")),
    ),
    (
        |f, pc, _| facts::network(f, pc, &changed(&pc.address)),
        |f, pc, _| facts::network(f, pc, &pc.address),
    ),
    (
        // Another's address.
        |f, pc, office| facts::network(f, pc, &same_subnet(pc, office)),
        |f, pc, _| facts::network(f, pc, &pc.address),
    ),
    (
        |f, _, _| facts::proxy(f, "http_proxy", "10.66.9.9", 1080),
        |f, _, _| f.retain(|(_, _, key, _), _| !key.contains("http_proxy")),
    ),
    (
        |f, _, _| facts::security(f, "antivirus", "火绒安全软件", Switch::Off, 20),
        |f, _, _| facts::security(f, "antivirus", "火绒安全软件", Switch::On, 0),
    ),
    (
        |f, _, _| facts::security(f, "screen_lock", "", Switch::Off, 0),
        |f, _, _| facts::security(f, "screen_lock", "", Switch::On, 0),
    ),
    (
        |f, _, _| facts::security(f, "auto_logon", "", Switch::On, 0),
        |f, _, _| facts::security(f, "auto_logon", "", Switch::Off, 0),
    ),
    (
        |f, _, _| facts::account(f, "1002", "temp", true, true),
        |f, _, _| f.retain(|(_, _, key, _), _| key != "1002"),
    ),
    (
        |f, _, _| facts::share(f, "共享资料"),
        |f, _, _| f.retain(|(_, _, key, _), _| !key.contains("共享资料")),
    ),
    (
        |f, pc, _| facts::media(f, &format!("60A44C3FB{:06}", pc.number)),
        |f, _, _| f.retain(|(_, _, key, _), _| !key.contains("60A44C3FB")),
    ),
    (
        |f, _, _| facts::health(f, "disk_full", "C:", Band::Critical),
        |f, _, _| facts::health(f, "disk_full", "C:", Band::Ok),
    ),
    (
        |f, pc, _| {
            facts::health(
                f,
                "disk_failing",
                &format!("S676NX0R{:06}", pc.number),
                Band::Warning,
            )
        },
        |f, _, _| f.retain(|(_, _, key, _), _| !key.contains("disk_failing")),
    ),
    (
        |f, _, _| facts::egress(f, "C:\\Users\\office\\mailer.exe", 25),
        |f, _, _| f.retain(|(_, _, key, _), _| !key.contains("mailer.exe")),
    ),
];

/// An address nearby that nobody was assigned.
fn changed(address: &str) -> String {
    let (net, _) = address.rsplit_once('.').unwrap_or((address, ""));
    format!("{net}.249")
}

/// The address of another PC of the same subnet.
fn same_subnet(pc: &Pc, office: &Office) -> String {
    let net = |address: &str| address.rsplit_once('.').map(|(net, _)| net.to_owned());
    let other = office
        .pcs()
        .iter()
        .find(|other| other.number != pc.number && net(&other.address) == net(&pc.address));
    other.map_or_else(|| changed(&pc.address), |other| other.address.clone())
}

/// The whole story, in the order of time.
pub(super) fn write(office: &Office, seed: u64, start: Millis, now: Millis) -> Vec<Scene> {
    let mut dice = Dice::new(seed.wrapping_add(1));
    let mut scenes = Vec::new();
    let mut deed = 0;
    for (index, pc) in office.pcs().iter().enumerate() {
        let arrival =
            start + HOUR * 9 + Millis::try_from(dice.below(ROLL_OUT * 24 * 60)).unwrap_or(0) * 60_000;
        scenes.push(Scene {
            at: arrival,
            pc: index,
            act: Act::Arrive,
        });
        // One in thirty was bought past the one channel: nobody registers it.
        if index % 30 != 17 {
            let at = arrival + HOUR * (2 + Millis::try_from(dice.below(20)).unwrap_or(0));
            scenes.push(Scene {
                at,
                pc: index,
                act: Act::Register,
            });
        }
        life(
            office,
            index,
            pc,
            (arrival + DAY, now),
            &mut dice,
            &mut deed,
            &mut scenes,
        );
    }
    let mut review = start + DAY * 2 + HOUR * 10;
    while review < now {
        scenes.push(Scene {
            at: review,
            pc: 0,
            act: Act::Review,
        });
        review += DAY;
    }
    scenes.sort_by_key(|scene| scene.at);
    scenes
}

/// What happens to one PC.
fn life(
    office: &Office,
    index: usize,
    pc: &Pc,
    (from, until): (Millis, Millis),
    dice: &mut Dice,
    deed: &mut usize,
    scenes: &mut Vec<Scene>,
) {
    let mut now = facts::of(pc);
    let mut changes: Vec<(Millis, Change)> = Vec::new();
    let span = usize::try_from((until - from) / 60_000).unwrap_or(1).max(2);
    let moment = |dice: &mut Dice| from + Millis::try_from(dice.below(span - 1)).unwrap_or(0) * 60_000;
    // Breaches take turns, so that even a small office has every kind.
    let breaches = [0, 0, 1, 1, 1, 2, 3].get(dice.below(7)).copied().unwrap_or(1);
    for _ in 0..breaches.max(usize::from(office.pcs().len() < 40)) {
        let at = moment(dice);
        let what = *deed % (FORBIDDEN.len() + DEEDS.len());
        *deed += 1;
        changes.push((at, Change::Break(what)));
        if dice.percent(62) {
            let days = 1 + Millis::try_from(dice.below(12)).unwrap_or(0);
            changes.push((at + days * DAY, Change::Mend(what)));
        }
    }
    changes.push((moment(dice), Change::SignIn));
    changes.push((
        until - Millis::try_from(dice.below(40)).unwrap_or(0) * 60_000,
        Change::SignIn,
    ));
    changes.retain(|(at, _)| *at < until);
    changes.sort_by_key(|(at, _)| *at);
    for (at, change) in changes {
        let before = now.clone();
        change.apply(&mut now, pc, office, at);
        let delta = facts::difference(&before, &now);
        if !(delta.put.is_empty() && delta.gone.is_empty()) {
            scenes.push(Scene {
                at,
                pc: index,
                act: Act::Report(delta),
            });
        }
    }
}

/// A change of a PC.
enum Change {
    Break(usize),
    Mend(usize),
    SignIn,
}

impl Change {
    fn apply(&self, facts: &mut Facts, pc: &Pc, office: &Office, at: Millis) {
        match self {
            Self::Break(what) => match (
                FORBIDDEN.get(*what),
                DEEDS.get(what.wrapping_sub(FORBIDDEN.len())),
            ) {
                (Some(title), _) => {
                    facts::software(facts, pc, title);
                    facts::process(facts, title);
                }
                (None, Some((deed, _))) => deed(facts, pc, office),
                (None, None) => {}
            },
            Self::Mend(what) => match (
                FORBIDDEN.get(*what),
                DEEDS.get(what.wrapping_sub(FORBIDDEN.len())),
            ) {
                (Some(title), _) => facts::uninstall(facts, pc, title),
                (None, Some((_, mend))) => mend(facts, pc, office),
                (None, None) => {}
            },
            Self::SignIn => {
                let day: String = clock::rfc3339(at).chars().take(10).collect();
                facts::logon(facts, &pc.custodian, &day);
            }
        }
    }
}
