//! Rules over several devices.

#![expect(clippy::unwrap_used, reason = "a fault here fails the test that asked")]

use deskwarden_domain::{model::AssetClass, port::Used, register::Licence};

use super::{
    office::{A, B, GATEWAY, MAC_A, MAC_B, Office, ROUTER, STRANGER, X, to},
    trials::{Scene, Trial, Tried},
    *,
};
use deskwarden_domain::model::ClaimOrigin::{Accepted, Observed, Own};

/// A PC on which nobody may look into the section.
fn blind(context: &Context, section: Section) -> Pc {
    let mut pc = Pc::new();
    pc.reads(context, section, "any", Look::Denied, vec![]);
    pc
}

fn trial(
    rule: &'static str,
    breach: fn() -> Office,
    clean: fn() -> Office,
    blind: fn(&Context) -> Pc,
    approval: Tried<()>,
) -> Trial {
    Trial {
        rule,
        breach: Scene::Office(breach),
        clean: Scene::Office(clean),
        blind: Tried::By(blind),
        approval,
    }
}

/// One machine at six addresses.
fn many(mac: &str) -> Office {
    (10..16).fold(Office::of_two(), |office, last| {
        office.seen(&format!("192.0.2.{last}"), mac, Observed, false)
    })
}

fn autocad(count: u64) -> Office {
    let mut office = Office::of_two();
    let licence = Licence {
        title: "AutoCAD".into(),
        entry: String::new(),
        pattern: "autocad*".into(),
        seats: 2,
    };
    office.picture.licences = vec![Used {
        licence,
        count,
        by: vec!["pc-a".into()],
    }];
    office
}

const SERIAL: &str = "4c530001";

/// A medium in the PC of a class; registered or not.
fn medium(class: AssetClass, registered: bool) -> Office {
    let mut office = Office::of_two().plugs_in(A, SERIAL, None);
    office.picture.assets.get_mut(&A).unwrap().asset.class = class;
    office.picture.media.extend(registered.then(|| SERIAL.to_owned()));
    office
}

fn outsourced_blind(context: &Context) -> Pc {
    let mut pc = Pc::new();
    pc.state.asset.class = AssetClass::Outsourced;
    pc.reads(context, Section::Media, "usb", Look::Denied, vec![]);
    pc
}

pub(crate) fn trials() -> Vec<Trial> {
    let network: fn(&Context) -> Pc = |context| blind(context, Section::Network);
    let neighbours: fn(&Context) -> Pc = |context| blind(context, Section::Neighbour);
    vec![
        trial(
            "pc.unmanaged-machine",
            || Office::of_two().seen(X, STRANGER, Observed, false),
            || Office::of_two().seen(X, MAC_B, Observed, false),
            neighbours,
            Tried::NotApplicable(
                "a machine that nobody knows is no asset, and approvals are for assets: it is registered instead",
            ),
        ),
        trial(
            "pc.licence-overused",
            || autocad(3),
            || autocad(2),
            |context| blind(context, Section::Software),
            Tried::NotApplicable(
                "the organisation has the finding, and approvals are for assets or departments",
            ),
        ),
        trial(
            "pc.part-moved",
            || Office::of_two().part(A, Accepted).part(B, Own),
            || Office::of_two().part(A, Accepted).part(A, Own),
            |context| blind(context, Section::Part),
            Tried::By(()),
        ),
        trial(
            "pc.gateway-spoofed",
            || {
                Office::of_two()
                    .seen(GATEWAY, ROUTER, Accepted, true)
                    .seen(GATEWAY, MAC_B, Observed, true)
            },
            || {
                Office::of_two()
                    .seen(GATEWAY, ROUTER, Accepted, true)
                    .seen(GATEWAY, ROUTER, Observed, true)
            },
            neighbours,
            Tried::By(()),
        ),
        trial(
            "pc.many-addresses",
            || many(MAC_B),
            || Office::of_two().seen(X, MAC_B, Observed, false),
            neighbours,
            Tried::By(()),
        ),
        trial(
            "pc.address-stolen",
            || {
                Office::of_two()
                    .off(A)
                    .holds(B, MAC_B, "static")
                    .assigned(X, to(A))
            },
            || Office::of_two().holds(A, MAC_A, "static").assigned(X, to(A)),
            network,
            Tried::By(()),
        ),
        trial(
            "pc.address-conflict",
            || {
                Office::of_two()
                    .holds(A, MAC_A, "static")
                    .holds(B, MAC_B, "static")
            },
            || {
                Office::of_two()
                    .holds(A, MAC_A, "static")
                    .holds(B, MAC_B, "static")
                    .off(A)
            },
            network,
            Tried::By(()),
        ),
        trial(
            "pc.address-unassigned",
            || Office::of_two().holds(B, MAC_B, "static").managed(),
            || {
                Office::of_two()
                    .holds(B, MAC_B, "static")
                    .managed()
                    .assigned(X, to(B))
            },
            network,
            Tried::By(()),
        ),
        trial(
            "pc.media-unregistered",
            || medium(AssetClass::Own, false),
            || medium(AssetClass::Own, true),
            |context| blind(context, Section::Media),
            Tried::By(()),
        ),
        trial(
            "out.media-unregistered",
            || medium(AssetClass::Outsourced, false),
            || medium(AssetClass::Outsourced, true),
            outsourced_blind,
            Tried::By(()),
        ),
    ]
}
