//! Rules about the register: what people entered beside what the PC shows. Owns the answer of each matter; which
//! rule asks, and what follows, is the matter of `evidence` and `derive`. Asked with every item loaded only.

mod custodian;
mod form;
mod idle;
mod order;
mod visit;

use deskwarden_proto::{
    decode,
    v1::{Section, facet},
};

use super::{
    Down,
    looked::{Looked, looked},
};
use crate::{
    cross::Seen,
    model::{Matter, Millis},
    port::DeviceState,
    register::same_account,
    rules::{Need, RuleSet, SHARED_ACCOUNTS},
};

/// Accounts under which the screen of signing in is shown.
const GREETERS: [&str; 6] = ["gdm", "gdm3", "debian-gdm", "lightdm", "sddm", "greeter"];
/// Subject of a breach that is about the asset as a whole.
pub(super) const ASSET: &str = "asset";
/// One day.
const DAY: Millis = 86_400_000;

/// What a matter is answered from.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The asset, its device, its papers, every item.
    pub(super) state: &'a DeviceState,
    /// Rules in force, for their lists.
    pub(super) rules: &'a RuleSet,
    /// Times in which nobody listened.
    pub(super) down: &'a [Down],
    /// Now.
    pub(super) now: Millis,
}

/// One breach.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// What it is about.
    pub(super) subject: String,
    /// The same for people.
    pub(super) name: String,
    /// What was seen.
    pub(super) seen: Seen,
}

/// What a matter comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// Breaches.
    pub(super) found: Vec<Found>,
    /// Why it could not be looked at, where nothing was found.
    pub(super) blind: Option<String>,
    /// When time alone may change the answer.
    pub(super) again: Option<Millis>,
}

impl Answer {
    /// It could not be looked at.
    fn blind(why: impl Into<String>) -> Self {
        Self {
            blind: Some(why.into()),
            ..Self::default()
        }
    }

    /// Asks again at the earlier of two moments, if that is still to come.
    fn again_at(&mut self, at: Millis, now: Millis) {
        if at > now {
            self.again = Some(self.again.map_or(at, |known| known.min(at)));
        }
    }
}

/// Answers a matter. `after` is how long the rule lets it be.
pub(super) fn answer(about: Matter, after: Millis, facts: Facts<'_>) -> Answer {
    match about {
        Matter::TransferUnrecorded => custodian::unrecorded(after, facts),
        Matter::TransferFormDue => form::due(after, facts),
        Matter::TransferFormOverdue => form::overdue(facts),
        Matter::Idle => idle::idle(after, facts),
        Matter::ReportsAgain => idle::reports_again(after, facts),
        Matter::GoneUnordered => order::gone(after, facts),
        Matter::VisitOutside => visit::outside(after, facts),
        Matter::SubnetForbidden => visit::forbidden(facts),
        Matter::Unsupervised => visit::unsupervised(facts),
    }
}

/// A sign-in.
struct SignIn {
    user: String,
    day: String,
    at_screen: bool,
}

impl Facts<'_> {
    /// Why a section could not be looked at completely.
    fn unseen(&self, section: Section) -> Option<String> {
        let need = Need {
            section,
            source: None,
        };
        match looked(&[need], &self.state.sources) {
            Looked::Completely => None,
            Looked::Not(why) => Some(why),
        }
    }

    /// Facets of a section.
    fn facets(&self, section: Section) -> impl Iterator<Item = facet::Kind> {
        self.state
            .items
            .values()
            .filter(move |item| item.id.section == section)
            .filter_map(move |item| decode::facet(section, &item.facet).ok())
    }

    /// Who signed in when, without the accounts that several people share.
    fn sign_ins(&self) -> Vec<SignIn> {
        let shared = self.rules.list(SHARED_ACCOUNTS);
        self.sign_ins_but(|user| shared.iter().any(|account| same_account(account, user)))
    }

    /// When anybody signed in, by whichever account; what shows the screen of signing in is nobody.
    fn uses(&self) -> Vec<SignIn> {
        self.sign_ins_but(|user| GREETERS.iter().any(|account| same_account(account, user)))
    }

    fn sign_ins_but(&self, is_nobody: impl Fn(&str) -> bool) -> Vec<SignIn> {
        self.facets(Section::Logon)
            .filter_map(|kind| match kind {
                facet::Kind::Logon(logon) => Some(SignIn {
                    at_screen: logon.kind() != deskwarden_proto::v1::LogonKind::Remote,
                    user: logon.user,
                    day: logon.day,
                }),
                _ => None,
            })
            .filter(|one| !is_nobody(&one.user))
            .collect()
    }

    /// The moment at which somebody has listened for `span` since `from`.
    fn listened(&self, from: Millis, span: Millis) -> Millis {
        super::silence::listened(from, span, self.down)
    }
}
