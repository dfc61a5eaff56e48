//! Source `proxy/environment`: variables that name a proxy, of the machine and of each person.

use deskwarden_parse::{
    proxy::{Setting, parse_bypass},
    registry::{Key as _, Values},
};

use super::id;
use crate::{
    KernelEvent, Reading, Root, Source, SourceId,
    proxy::{Owner, VARIABLES, fact},
    windows::{
        gather::Gather,
        people::{self, Branch},
        registry::{self, View},
    },
};

const OF_MACHINE: &str = "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment";
const OF_USER: &str = "Environment";

/// Environments that programs are started with.
pub(in crate::windows) struct Environment;

impl Source for Environment {
    fn id(&self) -> SourceId {
        id("environment")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let place = format!("HKLM\\{OF_MACHINE}");
        match registry::machine(root, OF_MACHINE, View::Native) {
            Ok(key) => {
                gather.answered();
                match key.map(|key| key.values()) {
                    Some(Ok(values)) => add(&mut gather, &place, &values, Owner::default()),
                    Some(Err(why)) => gather.fault(registry::unavailable(&place, why)),
                    None => {}
                }
            }
            Err(why) => gather.fault(why),
        }
        people::each(root, &mut gather, Branch::Own, |gather, person, own| {
            let owner = Owner {
                principal: &person.sid,
                account: &person.account,
            };
            let place = format!("HKCU\\{OF_USER}");
            match own
                .open(OF_USER)
                .and_then(|key| key.map(|key| key.values()).transpose())
            {
                Ok(Some(values)) => add(gather, &place, &values, owner),
                Ok(None) => {}
                Err(why) => gather.fault(registry::unavailable(
                    &format!("{}: {place}", person.account),
                    why,
                )),
            }
        });
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Proxies]
    }
}

fn add(gather: &mut Gather, place: &str, values: &Values, owner: Owner<'_>) {
    let bypass = parse_bypass(&values.text("no_proxy"));
    for (name, value) in &values.all {
        if VARIABLES.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            let setting = Setting {
                name: name.clone(),
                value: value.text(),
                in_force: true,
            };
            gather
                .facts
                .extend(fact(place, &setting, &bypass, "", owner, false));
        }
    }
}
